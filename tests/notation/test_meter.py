from fractions import Fraction

import pytest

from musicgen.notation.meter import FREE_METER, default_unit, read_meter, read_unit


@pytest.mark.parametrize(
    ("value", "bar_length", "is_compound"),
    [
        ("C", Fraction(1), False),
        ("C|", Fraction(1), False),
        ("4/4", Fraction(1), False),
        (" 6 / 8 ", Fraction(3, 4), True),
        ("9/8", Fraction(9, 8), True),
        ("12/8", Fraction(3, 2), True),
        ("3/4", Fraction(3, 4), False),
        ("2+3/8", Fraction(5, 8), False),
        ("(2 + 2+3)/8", Fraction(7, 8), False),
        ("none", None, False),
        ("", None, False),
    ],
)
def test_meter(value, bar_length, is_compound):
    meter, problem = read_meter(value)
    assert (meter.bar_length, meter.is_compound, problem) == (bar_length, is_compound, None)


@pytest.mark.parametrize(
    "value", ["0/8", "4/0", "4/5", "6/", "/8", "abc", "1000/8", "6/80000", "-3/4", "٣/4"]
)
def test_invalid_meter_is_free_and_a_problem(value):
    meter, problem = read_meter(value)
    assert meter == FREE_METER
    assert problem is not None
    assert problem.startswith("M: ")


def test_text_after_a_meter_is_a_problem():
    meter, problem = read_meter("9/8 EDC|")
    assert meter.bar_length == Fraction(9, 8)
    assert problem == "M: ignored 'EDC|' after the meter"


@pytest.mark.parametrize(
    ("value", "unit"), [("2/4", (1, 16)), ("3/8", (1, 16)), ("3/4", (1, 8)), ("C", (1, 8)), ("none", (1, 8))]
)
def test_default_unit(value, unit):
    assert default_unit(read_meter(value)[0]) == Fraction(*unit)


@pytest.mark.parametrize(
    ("value", "unit"), [("1/8", (1, 8)), (" 1/16 ", (1, 16)), ("1", (1, 1)), ("1 / 4", (1, 4))]
)
def test_unit(value, unit):
    assert read_unit(value, Fraction(1, 8)) == (Fraction(*unit), None)


@pytest.mark.parametrize("value", ["", "x", "0/8", "1/0", "1/3", "8/1", "1/99999999999999", "1//8"])
def test_invalid_unit_is_the_default_and_a_problem(value):
    unit, problem = read_unit(value, Fraction(1, 16))
    assert unit in (Fraction(1, 16), Fraction(1))
    assert problem is not None
