import pytest

from musicgen.errors import InputError
from musicgen.playing.wanted import Beginning, Wanted

GOOD = {"seed": 7, "temperature": 1, "top_p": 0.9}


def test_what_is_posted_is_read() -> None:
    posted = GOOD | {"key": "D", "phrase": "GAB", "beginning": {"number": 1, "side": 0, "num_bars": 4}}
    wanted = Wanted.read(posted)
    assert (wanted.key, wanted.meter, wanted.temperature) == ("D", None, 1.0)
    assert wanted.beginning == Beginning(number=1, side=0, num_bars=4)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2**60}, "seed"),
        ({"seed": True}, "seed"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"key": ""}, "key"),
        ({"phrase": "C" * 2001}, "phrase"),
        ({"range": ["D4", "B5"]}, "range"),
        ({"prompts_file": "/etc/passwd"}, "prompts_file"),
        ({"beginning": {"number": 1, "side": 2, "num_bars": 4}}, "beginning.side"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_field_is_named_in_one_line(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(InputError, match=rf"^{field}: ") as caught:
        Wanted.read(GOOD | wrong)
    assert "\n" not in str(caught.value)
