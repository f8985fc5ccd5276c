"""A piano roll as SVG path data: pitch upwards, bars from left to right, sixteen bars per row.

It consists of numbers only, so no text of a tune can reach the page through it; the page adds the colours.
Lengths are in units of the picture, times in MIDI ticks.
"""

from dataclasses import dataclass
from itertools import pairwise

from musicgen.notation.tune import ParsedTune
from musicgen.rendering.piano_roll import BARS_PER_ROW, Roll, read_roll

WIDTH = 800.0
_SEMITONE = 6.0
_ROW_GAP = 12.0
_PITCH_MARGIN = 1
_NOTE_GAP = 0.8
_MIN_NOTE = 1.5


@dataclass(frozen=True, slots=True)
class RollRow:
    """Up to sixteen bars."""

    top: float
    bottom: float
    bar_lines: str
    """Path data, as in `notes` and `tonic_notes`."""
    notes: str
    tonic_notes: str
    start_seconds: float
    seconds: float
    """Duration of the full width."""


@dataclass(frozen=True, slots=True)
class DrawnRoll:
    """All rows, for the template."""

    width: float
    height: float
    rows: tuple[RollRow, ...]
    words: str
    """A description for readers who cannot see it."""


def draw_roll(midi: bytes, tune: ParsedTune, duration_seconds: float) -> DrawnRoll:
    """Lay out the notes of a MIDI file with at least one note and a constant tempo."""
    roll = read_roll(midi, tune)
    end = max(start + duration for start, duration, _ in roll.notes)
    seconds_per_tick = duration_seconds / end
    pitches = [pitch for _, _, pitch in roll.notes]
    high, low = max(pitches) + _PITCH_MARGIN, min(pitches) - _PITCH_MARGIN
    row_height = (high - low + 1) * _SEMITONE
    num_rows = -(-len(roll.beats) // BARS_PER_ROW)
    rows = [
        _draw_row(
            roll, number, number * (row_height + _ROW_GAP), row_height, high, tune.tonic, seconds_per_tick
        )
        for number in range(num_rows)
    ]
    words = (
        f"Piano roll: {len(pitches)} notes in {len(roll.beats)} bars, {max(pitches) - min(pitches)} semitones"
    )
    return DrawnRoll(WIDTH, rows[-1].bottom + 1, tuple(rows), words)


def _draw_row(
    roll: Roll, number: int, top: float, height: float, high: int, tonic: int, seconds_per_tick: float
) -> RollRow:
    first = number * BARS_PER_ROW
    starts = roll.bar_starts[first : first + BARS_PER_ROW + 1]
    longest_bar = max(end - start for start, end in pairwise(starts))
    left = starts[0] - roll.upbeat
    width = max(starts[-1] - left, BARS_PER_ROW * longest_bar)
    scale = WIDTH / width
    is_last = first + BARS_PER_ROW >= len(roll.beats)
    until = starts[-1] if is_last else left + width
    drawn: dict[bool, list[str]] = {True: [], False: []}
    for start, duration, pitch in roll.notes:
        if left <= start < until:
            across = min(max(duration * scale - _NOTE_GAP, _MIN_NOTE), WIDTH - (start - left) * scale)
            place = f"M{(start - left) * scale:.1f} {top + (high - pitch) * _SEMITONE:.1f}"
            drawn[pitch % 12 == tonic].append(f"{place}h{across:.1f}v{_SEMITONE}h-{across:.1f}z")
    lines = "".join(f"M{(start - left) * scale:.1f} {top:.1f}v{height:.1f}" for start in starts)
    return RollRow(
        top=round(top, 1),
        bottom=round(top + height, 1),
        bar_lines=lines,
        notes="".join(drawn[False]),
        tonic_notes="".join(drawn[True]),
        start_seconds=round(left * seconds_per_tick, 3),
        seconds=round(width * seconds_per_tick, 3),
    )
