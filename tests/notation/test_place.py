"""Places after each character, against hand counts and against the parser."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from musicgen.config import compose_config
from musicgen.corpus.corpus import load_corpus
from musicgen.notation.parsing import parse_tune
from musicgen.notation.place import PlaceReader
from musicgen.notation.place_state import (
    BAR,
    DORIAN,
    LYDIAN,
    MAJOR,
    MINOR,
    MIXOLYDIAN,
    MOVED,
    NO_MODE,
    PHRYGIAN,
    RESET,
    WHOLE_NOTE,
)

EIGHTH = WHOLE_NOTE // 8
HEADER = "X:1\nT:A b|c\nM:4/4\nL:1/8\nK:D\n"


def codes(text: str) -> NDArray[np.int64]:
    return np.array([ord(character) for character in text], np.int64)[:, None]


def read(body: str, header: str = HEADER) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places and events after each character of the body."""
    places, events = PlaceReader(1).read(codes("\n" + header + body))
    return places[-len(body) :, 0], events[-len(body) :, 0]


def elapsed(body: str, header: str = HEADER) -> list[float]:
    """Length of the bar in eighths after each character."""
    return (read(body, header)[0][:, 1] / EIGHTH).tolist()


@pytest.mark.parametrize(
    ("body", "eighths"),
    [
        ("A2b/c", [1, 2, 3, 2.5, 3.5]),
        ("A3/2B//", [1, 3, 1.5, 1.5, 2.5, 2, 1.75]),
        ("A>BC", [1, 1.5, 2, 3]),
        ("A<<BC", [1, 0.5, 0.25, 2, 3]),
        ("(3ABCD", [0, 0, 2 / 3, 4 / 3, 2, 3]),
        ("(3(ABC)D", [0, 0, 0, 2 / 3, 4 / 3, 2, 2, 3]),
        ("{ab}^c'2", [0, 0, 0, 0, 0, 1, 1, 2]),
        ('"Am"A', [0, 0, 0, 0, 1]),
        ("!fermata!A", [0] * 9 + [1]),
        ("[CEG]2A", [0, 1, 1, 1, 1, 2, 3]),
        ("z2|A", [1, 2, 0, 1]),
        ("A|!\nB", [1, 0, 0, 0, 1]),
        ("G:|A", [1, 0, 0, 1]),
        ("P:A\nB", [0, 0, 0, 0, 1]),
        ("A% B\nC", [1, 1, 1, 1, 1, 2]),
        ("A[M:3/4]B", [1, 1, 1, 1, 1, 1, 1, 1, 2]),
    ],
)
def test_lengths_accumulate_character_by_character(body: str, eighths: list[float]) -> None:
    assert elapsed(body) == pytest.approx(eighths)


@pytest.mark.parametrize(
    ("header", "bar", "unit"),
    [
        ("M:6/8\nL:1/8\nK:G\n", 6, 1),
        ("M:C|\nL:1/4\nK:G\n", 8, 2),
        ("M:2/4\nK:G\n", 4, 0.5),
        ("M:2+3/8\nK:G\n", 5, 0.5),
        ("M:none\nK:G\n", 0, 1),
        ("K:G\n", 0, 1),
    ],
)
def test_the_header_sets_bar_and_unit_length(header: str, bar: float, unit: float) -> None:
    places, _ = read("A", header)
    assert (places[0, 2] / EIGHTH, places[0, 3] / EIGHTH) == (bar, unit)


def test_nothing_sounds_before_the_key() -> None:
    places, events = PlaceReader(1).read(codes("\nX:1\nT:ABC|d\nM:4/4\nK:"))
    assert not places[:, 0, :2].any()
    assert (events[1:] == 0).all()


def test_bars_start_after_bar_lines_and_pickups_do_not_count() -> None:
    body = "AB|c8|d8:|\nAB|"
    places, events = read(body)
    changes = {place: event for place, event in enumerate(events) if event}
    assert changes == {2: MOVED, 5: BAR, 9: BAR, 13: MOVED}
    # The pickup does not count, and the repeat sign restarts the count.
    assert places[:, 4].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_a_second_ending_has_the_place_of_the_first() -> None:
    places, _ = read("A8|B8|1c8:|2d8||")
    assert places[[2, 5, 6, 10, 11, 14, 15], 4].tolist() == [1, 2, 2, 0, 2, 3, 0]


@pytest.mark.parametrize(
    ("body", "pickup", "sections", "bars_before"),
    [
        ("A8|", 0, 0, 0),
        ("AB|c8|d6:|", 2, 1, 2),
        ("AB|c8|d6:|\n|:e|", 1, 1, 2),
        ("AB|c8|d6:|f8|", 0, 1, 2),
        ("A8|B8::c8|d8|e8:|", 0, 2, 3),
        ("c|A8|B8|1c8:|2d7|", 1, 0, 3),
        ("c|A8|B8|1c8:|2d7||", 1, 1, 3),
    ],
)
def test_sections_and_their_pickups_are_counted(
    body: str, pickup: int, sections: int, bars_before: int
) -> None:
    place = read(body)[0][-1]
    assert (place[5] / EIGHTH, *place[6:8]) == (pickup, sections, bars_before)


@pytest.mark.parametrize(
    ("key", "mode"),
    [
        ("D", MAJOR),
        ("Bb", MAJOR),
        ("Gmaj", MAJOR),
        ("C Ionian", MAJOR),
        ("Am", MINOR),
        ("Bbm", MINOR),
        ("F# Minor", MINOR),
        ("C aeolian", MINOR),
        ("Ador", DORIAN),
        ("D Mixolydian", MIXOLYDIAN),
        ("Gmix", MIXOLYDIAN),
        ("F Lydian", LYDIAN),
        ("Ephr", PHRYGIAN),
        ("D clef=treble", MAJOR),
        ("none", NO_MODE),
        ("Hp", NO_MODE),
    ],
)
def test_the_key_sets_the_mode(key: str, mode: int) -> None:
    assert read("A", f"K:{key}\n")[0][0, 8] == mode
    # A key without a tonic keeps the one before it.
    assert read(f"A[K:{key}]A", "K:D\n")[0][-1, 8] == (mode or MAJOR)


def test_an_empty_line_ends_the_tune() -> None:
    places, events = read("A8|\n\nX:2\nK:C\nB")
    assert events.tolist().count(RESET) == 1 and events[4] == RESET
    assert places[4:-2, 0].sum() == 0 and places[-1, 1] == EIGHTH


@given(
    st.lists(
        st.text(alphabet='\nKLM:1|[]ABab23/<>(){}"!%-Zz ', min_size=30, max_size=30), min_size=2, max_size=3
    )
)
def test_reading_in_parallel_and_in_pieces_changes_nothing(texts: list[str]) -> None:
    together = PlaceReader(len(texts))
    columns = np.concatenate([codes(text) for text in texts], axis=1)
    first, _ = together.read(columns[:11])
    together.keep(np.arange(1, len(texts)))
    second, _ = together.read(columns[11:, 1:])
    for number, text in enumerate(texts):
        alone, _ = PlaceReader(1).read(codes(text))
        assert (alone[:11, 0] == first[:, number]).all()
        if number:
            assert (alone[11:, 0] == second[:, number - 1]).all()
    assert (first[..., 1:] >= 0).all()


def test_bar_lengths_of_a_corpus_agree_with_the_parser() -> None:
    """irish.abc agrees in 800 of 800 tunes, O'Neill's in 1984 of 1993; most others have (9 or Z."""
    tunes = load_corpus(compose_config(["data=oneills", "data.clean=false"]).data).tunes[:500]
    agree = sum(_bar_lengths(tune) == _parsed_bar_lengths(tune) for tune in tunes)
    assert agree >= 0.98 * len(tunes)


def _bar_lengths(tune: str) -> list[int]:
    places, _ = PlaceReader(1).read(codes("\n" + tune + "\n\n"))
    ticks = places[:, 0, 1].tolist()
    return [before for before, now in pairwise(ticks) if before and not now]


def _parsed_bar_lengths(tune: str) -> list[int]:
    return [int(bar.duration * WHOLE_NOTE) for bar in parse_tune(tune).bars]
