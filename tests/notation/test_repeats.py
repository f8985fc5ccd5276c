"""Tunes without their repeats."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from musicgen.notation.parsing import parse_tune
from musicgen.notation.repeats import without_repeats

HEADER = "X:1\nM:4/4\nL:1/8\nK:D\n"


@pytest.mark.parametrize(
    ("music", "once"),
    [
        ("|:ABcd:|", "|ABcd|"),
        ("|:ABcd::defg:|", "|ABcd|defg|"),
        ("A2|:ABcd:||:defg||", "A2|ABcd|defg||"),
        ("ABcd|1 efga:|2 gfed|]", "ABcd|| gfed|]"),
        ("ABcd|[1 efga:|[2 gfed|]", "ABcd| gfed|]"),
        ("ABcd|[1 efga:|\n[2 gfed:|[3 d4|]\nABcd|1 A4:|2 d4||", "ABcd|\n d4|]\nABcd|| d4||"),
        ("ABcd|\n[1 efga|\nA4:|\n[2 gfed|]", "ABcd|\n gfed|]"),
        ("ABcd|1 efga:|\n|2 gfed|]", "ABcd|\n| gfed|]"),
        ("ABcd|1,3 efga:|2 gfed|]", "ABcd|| gfed|]"),
    ],
)
def test_each_part_is_left_once_with_its_last_ending(music: str, once: str) -> None:
    assert without_repeats(HEADER + music) == HEADER + once


@pytest.mark.parametrize(
    "music",
    [
        # The ending of one part, then that of the next.
        "ABcd|2 efga:|ABcd|1 gfed|]",
        # No repeat sign between the endings; a single ending.
        "ABcd|1 efga|2 gfed|]",
        "ABcd|1 efga|]",
    ],
)
def test_endings_that_lead_nowhere_are_played(music: str) -> None:
    played = parse_tune(without_repeats(HEADER + music))
    assert [note.pitch for note in played.notes] == [note.pitch for note in parse_tune(HEADER + music).notes]
    assert ":" not in played.body and "1" not in played.body


def test_fields_and_other_text_stay() -> None:
    text = (
        'X:1\nT:|: 1 :|\nP:AABB\nK:D\nP:A\n% |: :|\n|:"1"A2 [K:G]B2|1 [M:3/4]c2:|\nw:a|1 b:|\n|2 d2|]\n\n:|1'
    )
    assert without_repeats(text) == (
        'X:1\nT:|: 1 :|\nK:D\nP:A\n% |: :|\n|"1"A2 [K:G]B2|[M:3/4]\nw:a|1 b:|\n| d2|]\n\n|'
    )


@example(":[1:")
@given(st.text(alphabet='X:1K\nABc|[]123:; "%&', max_size=60))
def test_any_text_is_read(music: str) -> None:
    once = without_repeats(HEADER + music)
    assert without_repeats(once) == once
    assert len(parse_tune(once).notes) <= len(parse_tune(HEADER + music).notes)
