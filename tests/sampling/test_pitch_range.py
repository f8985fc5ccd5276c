import re
from pathlib import Path

import pytest

from musicgen.sampling.pitch_range import INSTRUMENTS, PitchRange

HEADER = "X:1\nT:C,,\nM:4/4\nL:1/8\nK:D\n"


@pytest.mark.parametrize(
    ("value", "lowest", "highest"),
    [
        ("whistle", 62, 83),
        ("D4-B5", 62, 83),
        (["D4", "B5"], 62, 83),
        (["D", "b"], 62, 83),
        ("_B,-c''", 58, 96),
        ("Bb3 - F#5", 58, 78),
        ("C4-C4", 60, 60),
    ],
)
def test_notes_have_names_or_are_abc(value: str | list[str], lowest: int, highest: int) -> None:
    assert PitchRange.read(value) == PitchRange(lowest, highest)


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_instruments_have_a_range_and_a_row_in_the_docs(name: str) -> None:
    lowest, highest = INSTRUMENTS[name]
    assert PitchRange.read(name) == PitchRange.read([lowest, highest])
    docs = (Path(__file__).parents[2] / "docs" / "running.md").read_text()
    assert re.search(rf"\| .*`{name}`.* \| {lowest} \| {highest} \|\n", docs)


@pytest.mark.parametrize("value", ["", "kazoo", "d4-b5", "D4", "D4-B5-C6", ["D4", "2"], ["D4", "C,'"]])
def test_anything_else_is_rejected(value: str | list[str]) -> None:
    with pytest.raises(ValueError, match="^range"):
        PitchRange.read(value)


@pytest.mark.parametrize(
    ("music", "is_inside"),
    [
        ("D2FA d2b2|", True),
        ("", False),
        ("z4|", False),
        ("C4|", True),
        ("=C4|", False),
        ("c'4|", False),
        ("[A,D]4|", False),
        ("[FAd]4|", True),
        ("{c'}b4|", False),
        ('"C,"!trill!D4|', True),
        ("D4|\nT:A, and c'\nD4|", True),
    ],
)
def test_key_signature_chords_and_grace_notes_count(music: str, is_inside: bool) -> None:
    # The signature of D raises C4 to C#4.
    assert PitchRange.read("C#4-B5").holds(HEADER + music) is is_inside
