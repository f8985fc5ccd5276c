import math

import pytest

from musicgen.system.words import (
    brief,
    counted,
    decimals,
    duration,
    elapsed,
    listed,
    p_words,
    signed,
    signed_interval,
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.02, "0.02"),
        (0.00997, "0.01"),
        (0.0123, "0.012"),
        (0.00001234, "0.000012"),
        (0.5, "0.5"),
        (9.96, "10"),
        (12.34, "12"),
        (100.0, "100"),
        (1234.5, "1234"),
        (-0.5, "-0.5"),
        (-12.0, "-12"),
        (0, "0"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_brief_numbers_have_two_digits_and_no_exponent(number: float, text: str) -> None:
    assert brief(number) == text


def test_signs_are_shown_except_for_zero() -> None:
    assert [signed(number) for number in (0.5, -0.25, 0.0, -0.0)] == ["+0.5", "−0.25", "0", "0"]
    assert [signed(number, ".2f") for number in (1.0, -0.3, 0.001)] == ["+1.00", "−0.30", "0.00"]
    assert signed(-12.34, ".3g") == "−12.3"


def test_intervals_are_as_precise_as_they_are_narrow() -> None:
    assert signed_interval(-0.11, -0.16, 0.0) == "−0.11 [−0.16, 0.00]"
    assert signed_interval(0.5, math.nan, math.nan) == "+0.5"
    assert signed_interval(math.nan, math.nan, math.nan) == "–"
    widths = (0.1, 0.03, 0.0099, 1.0, 3.0, 10.0, 10.1, 40.0, 0.0, -1.0, 1e-7, 1e-8, 1e-20)
    assert [decimals(width) for width in widths] == [2, 3, 4, 1, 1, 0, 0, 0, 3, 3, 8, 8, 8]


def test_p_values_have_three_places() -> None:
    assert [p_words(p) for p in (0.0004, 0.0009999, 0.001, 0.004, 0.05, 0.9996)] == [
        "p < 0.001", "p < 0.001", "p = 0.001", "p = 0.004", "p = 0.050", "p = 1.000"
    ]  # fmt: skip


def test_counts_and_lists() -> None:
    assert [counted(number, "run") for number in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
    assert [listed(["a", "b", "c"][:number]) for number in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_durations_have_the_unit_that_suits_them() -> None:
    assert [duration(seconds) for seconds in (0.4, 89, 90, 5399, 5400, None)] == [
        "0 s", "89 s", "2 min", "90 min", "1.5 h", "?"
    ]  # fmt: skip
    assert [elapsed(seconds) for seconds in (1.23, 9.96, 59.4, 59.5, 185, 7380)] == [
        "1.2 s", "10 s", "59 s", "1:00 min", "3:05 min", "2:03 h"
    ]  # fmt: skip


def test_an_endless_interval_has_a_usual_number_of_decimals() -> None:
    assert decimals(math.inf) == decimals(0) == decimals(math.nan) == 3
