"""The piano roll as path data."""

import re

import pytest

from musicgen.notation.parsing import parse_tune
from musicgen.rendering.midi import perform
from musicgen.rendering.roll_paths import WIDTH, draw_roll


def test_the_roll_has_every_note_in_its_place(golden: str, make_config) -> None:
    performance = perform(golden, make_config())
    assert performance.midi is not None and performance.duration_seconds is not None
    roll = draw_roll(performance.midi, parse_tune(golden), performance.duration_seconds)
    (row,) = roll.rows
    plain, tonic = (
        re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v", path) for path in (row.notes, row.tonic_notes)
    )
    # Twice ten notes and four; four of each ten and two of the last four are D.
    assert (len(plain), len(tonic)) == (2 * 6 + 2, 2 * 4 + 2)
    assert row.start_seconds == 0 and row.seconds == pytest.approx(16 * 2, abs=0.01)
    first, second = plain[0], plain[1]
    assert float(second[0]) - float(first[0]) == pytest.approx(WIDTH / (16 * 8), abs=0.2)
    assert float(second[1]) < float(first[1]), "F is above E"
    assert max(float(x) + float(width) for x, _, width in plain + tonic) <= WIDTH
    assert "24 notes in 5 bars, 12 semitones" in roll.words
