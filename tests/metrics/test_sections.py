"""Sections, with pickups and endings, and how they end."""

from fractions import Fraction

import pytest

from musicgen.metrics.sections import Section, ends_that_fit, first_section_end, has_form, sections_of
from musicgen.notation import parse_tune

FOUR = "CDEF|GFED|CDEF|"


def sections(body: str) -> tuple[Section, ...]:
    return sections_of(parse_tune(f"X:1\nM:4/4\nL:1/4\nK:C\n{body}").bars)


@pytest.mark.parametrize(
    ("body", "lengths"),
    [
        (f"{FOUR}C4|]", [4]),
        (f"{FOUR}C4:|{FOUR}C4:|", [4, 4]),
        (f"{FOUR}C4::{FOUR}C4:|", [4, 4]),
        (f"{FOUR}C4||{FOUR}C4||", [4, 4]),
        (f"|:{FOUR}C4:|\n|:{FOUR}C4:|", [4, 4]),
        (f"G|{FOUR}C3:|G|{FOUR}C3|]", [4, 4]),
        (f"G|:{FOUR}C4:|", [4]),
        (f"{FOUR}|1 C4:|2 C4||{FOUR}C4|]", [4, 4]),
        (f"{FOUR}[1 DEFG|C4:|[2 DCDE|C4|]{FOUR}C4|]", [5, 4]),
        (f"{FOUR}|1 C4:|2 D4:|3 C4||C4|]", [4, 1]),
        (f"{FOUR}\n|C4|]", [4]),
        ("", []),
        ("G|", []),
    ],
)
def test_bars_of_a_section_leave_out_pickup_and_first_ending(body: str, lengths: list[int]) -> None:
    assert [section.num_bars for section in sections(body)] == lengths


def test_a_section_knows_its_pickup_and_end() -> None:
    first, second = sections(f"G2|{FOUR}C2:|{FOUR}D4|]")
    assert (first.pickup, second.pickup) == (Fraction(1, 2), 0)
    assert first.is_repeated and not second.is_repeated
    assert first.ends_on_tonic and not second.ends_on_tonic


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        # A full bar always fits.
        (f"G|{FOUR}C4:|", [True]),
        (f"G|{FOUR}C3:|", [True]),
        (f"G|{FOUR}C2:|", [False]),
        (f"{FOUR}C3:|", [False]),
        # A repeated section meets its own pickup, another one that of the next.
        (f"G|{FOUR}C3:|G2|{FOUR}C2:|", [True, True]),
        (f"G|{FOUR}C2:|G2|{FOUR}C2:|", [False, True]),
        (f"G|{FOUR}C2||G2|{FOUR}C3|]", [True, True]),
        (f"G|{FOUR}C3||G2|{FOUR}C2|]", [False, False]),
        (f"G|{FOUR}C5:|", [False]),
    ],
)
def test_an_end_fits_the_pickup_that_follows(body: str, fits: list[bool]) -> None:
    assert list(ends_that_fit(sections(body))) == fits


def test_form_is_two_sections_of_eight_or_sixteen() -> None:
    eight, nine = f"{FOUR}C4|{FOUR}C4", f"{FOUR}C4|{FOUR}D4|C4"
    assert has_form(sections(f"{eight}:|{eight}|{eight}:|"))
    assert not has_form(sections(f"{eight}:|"))
    assert not has_form(sections(f"{eight}:|{nine}:|"))
    assert not has_form(())


@pytest.mark.parametrize(
    ("body", "num_bars"),
    [
        (f"{FOUR}C4|]", 4),
        (f"{FOUR}C4:|{FOUR}C4:|", 4),
        (f"G|:{FOUR}C4:|{FOUR}C4|]", 5),
        (f"G|{FOUR}C3||G|{FOUR}C3|]", 5),
        (f"{FOUR}|1 C4:|2 C4||{FOUR}C4|]", 5),
        ("", 0),
    ],
)
def test_the_first_section_ends_after_this_many_bars(body: str, num_bars: int) -> None:
    assert first_section_end(parse_tune(f"X:1\nM:4/4\nL:1/4\nK:C\n{body}").bars) == num_bars
