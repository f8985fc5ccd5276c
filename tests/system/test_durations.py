import pytest

from musicgen.system.durations import format_duration, round_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.97, "10 s"),
        (59.4, "59 s"),
        (59.7, "1:00 min"),
        (3599.7, "1:00 h"),
        (7500, "2:05 h"),
    ],
)
def test_a_measured_duration_is_exact(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "?"), (4.4, "4 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h")]
)
def test_an_estimated_duration_is_rounded(seconds: float | None, text: str) -> None:
    assert round_duration(seconds) == text
