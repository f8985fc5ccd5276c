import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from musicgen.notation.lookback import NOTHING, LookbackReader
from musicgen.notation.place import PlaceReader

HEADER = "X:1\nM:2/4\nL:1/8\nK:D\n"


def expectations(body: str, bars: int) -> tuple[str, list[int]]:
    """The expected character after each character of the body ("." for none), and the runs."""
    codes = np.array([ord(character) for character in "\n" + HEADER + body], np.int64)[:, None]
    places, events = PlaceReader(1).read(codes)
    expected, runs = LookbackReader(1, [bars]).read(codes, places[..., 1], events)
    texts = "".join("." if code == NOTHING else chr(code) for code in expected[-len(body) :, 0, 0])
    return texts, runs[-len(body) :, 0, 0].tolist()


def test_a_repeated_bar_is_followed_to_its_end() -> None:
    expected, runs = expectations("ABcd|ABcd|", 1)
    assert expected == "....ABcd|A"
    assert runs == [0, 0, 0, 0, 0, 1, 2, 3, 4, 5]


def test_after_a_departure_the_pointer_moves_to_the_same_time() -> None:
    expected, runs = expectations("A2cd|ABcd|", 1)
    # After `AB` the bar is as long as before `c`, so `c` is expected.
    assert expected == "....A2cd|A"
    assert runs == [0, 0, 0, 0, 0, 1, 0, 1, 2, 3]


def test_looking_back_two_bars() -> None:
    assert expectations("A4|B4|c4|d4|", 2)[0] == ".....A4|B4|c"


def test_pickups_do_not_shift_the_bars() -> None:
    expected, _ = expectations("d|A4|B3:|d|A4|B3:|", 2)
    assert expected[-9:] == "A4|B3:|A"[-9:] or expected[-7:-1] == "4|B3:|"


def test_a_new_tune_resets_the_lookback() -> None:
    body = "A4|B4|\n\nX:2\nK:C\n"
    assert set(expectations(body, 1)[0][-9:]) == {"."}


@given(
    st.lists(st.text(alphabet="AB2|:\nK", min_size=40, max_size=40), min_size=2, max_size=3),
    st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True),
)
def test_reading_in_steps_equals_reading_at_once(texts: list[str], bars: list[int]) -> None:
    codes = np.array([[ord(character) for character in HEADER + text] for text in texts], np.int64).T
    places, events = PlaceReader(len(texts)).read(codes)
    expected, runs = LookbackReader(len(texts), bars).read(codes, places[..., 1], events)
    reader = LookbackReader(len(texts), bars)
    kept = np.arange(len(texts))
    for step in range(len(codes)):
        if step == 35:
            kept = kept[1:]
            reader.keep(kept)
        read = reader.read(
            codes[step : step + 1, kept], places[step : step + 1, kept, 1], events[step : step + 1, kept]
        )
        assert (read[0][0] == expected[step, kept]).all() and (read[1][0] == runs[step, kept]).all()
