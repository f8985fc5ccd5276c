"""MIDI to a picture of its notes: pitch upwards, bars from left to right, sixteen bars a row.

Rows of equal length let repeated phrases stand below one another. Times are in MIDI ticks.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.notation.tune import ParsedTune
from musicgen.rendering.midi import read_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BARS_A_ROW = 16
MOST_ROWS = 8
# F and B stand a semitone from their neighbours: their names would collide.
_NAMES = {0: "C", 2: "D", 4: "E", 7: "G", 9: "A"}
_BLACK_KEYS = frozenset({1, 3, 6, 8, 10})
_WIDE_RANGE = 32
_NOTE, _TONIC, _INK, _PAPER = "#2f6f9f", "#d9772b", "#30343b", "#ffffff"
_BLACK_KEY, _BEAT_LINE, _BAR_LINE = "#f1f3f6", "#e3e6eb", "#aab1bc"
_MARGIN_PITCHES = 2
_FONT, _LONGEST_TITLE = "DejaVu Sans", 70
_WIDTH_INCHES, _ROW_INCHES, _TITLE_INCHES, _DPI = 11.0, 1.75, 0.75, 120


@dataclass(frozen=True, slots=True)
class Roll:
    """What the picture shows."""

    notes: tuple[tuple[int, int, int], ...]
    """(start, duration, MIDI pitch)."""
    upbeat: int
    """How long the notes before the first full bar last."""
    bar_starts: tuple[int, ...]
    """From the first full bar to the end of the last one drawn."""
    beats: tuple[int, ...]
    """How many ticks a beat lasts, for every bar."""


def read_roll(midi: bytes, tune: ParsedTune) -> Roll:
    """Take the notes from the MIDI and the length of the upbeat from the tune as written."""
    score = read_score(midi)
    notes = sorted((note.time, note.duration, note.pitch) for track in score.tracks for note in track.notes)
    whole = 4 * score.ticks_per_quarter
    meters = sorted((sign.time, sign.numerator, sign.denominator) for sign in score.time_signatures)
    end = max(start + duration for start, duration, _ in notes)
    count, unit = _meter_at(0, meters)
    first_bar = round(tune.bars[0].duration * whole) if tune.bars else 0
    upbeat = first_bar if first_bar < whole * count // unit else 0
    bar_starts, beats = [upbeat], []
    while not beats or (bar_starts[-1] < end and len(beats) < BARS_A_ROW * MOST_ROWS):
        count, unit = _meter_at(bar_starts[-1], meters)
        is_compound = count % 3 == 0 and count > 3 and unit >= 8
        beats.append(max(1, whole // unit * (3 if is_compound else 1)))
        bar_starts.append(bar_starts[-1] + max(1, whole * count // unit))
    return Roll(tuple(notes), upbeat, tuple(bar_starts), tuple(beats))


def _meter_at(tick: int, meters: list[tuple[int, int, int]]) -> tuple[int, int]:
    """(count, unit) of the time signature in force; 4/4 where there is none."""
    in_force = [(count, unit) for start, count, unit in meters if start <= tick and count > 0 and unit > 0]
    return in_force[-1] if in_force else (4, 4)


def draw_piano_roll(midi: bytes, tune: ParsedTune, path: Path) -> None:
    """Write a PNG. The MIDI must hold a note. Notes on the tonic of K: have a colour of their own.

    Tunes of more than 128 bars as played are drawn up to there.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    roll = read_roll(midi, tune)
    num_rows = -(-len(roll.beats) // BARS_A_ROW)
    height = _TITLE_INCHES + _ROW_INCHES * num_rows
    figure = Figure(figsize=(_WIDTH_INCHES, height), dpi=_DPI, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        num_rows, 1, left=0.055, right=0.985, top=1 - 0.5 / height, bottom=0.25 / height, hspace=0.28
    )
    for row in range(num_rows):
        _draw_row(figure.add_subplot(grid[row, 0]), roll, row, tune.tonic)
    title = _printable(tune.header("T") or "")[:_LONGEST_TITLE]
    # Else a dollar sign would start a formula.
    figure.text(0.055, 1 - 0.3 / height, title, family=_FONT, fontsize=13, color=_INK, parse_math=False)
    figure.text(
        0.985, 1 - 0.3 / height, "orange: the tonic", fontsize=8, color=_TONIC, horizontalalignment="right"
    )
    figure.savefig(path, format="png", metadata={"Software": None})


def _printable(title: str) -> str:
    """The title with a box for every character that the font lacks."""
    from matplotlib.font_manager import findfont, get_font

    has_glyph = get_font(findfont(_FONT)).get_charmap()
    return "".join(letter if ord(letter) in has_glyph else "□" for letter in title if letter.isprintable())


def _draw_row(axes: "Axes", roll: Roll, row: int, tonic: int) -> None:
    """Draw sixteen bars, or the rest of the tune on the same scale, from upbeat to upbeat."""
    first = row * BARS_A_ROW
    starts = roll.bar_starts[first : first + BARS_A_ROW + 1]
    longest_bar = max(end - start for start, end in pairwise(starts))
    left = starts[0] - roll.upbeat
    is_last = first + BARS_A_ROW >= len(roll.beats)
    right = max(starts[-1], starts[0] + BARS_A_ROW * longest_bar) - roll.upbeat
    until = starts[-1] if is_last else right
    pitches = [pitch for _, _, pitch in roll.notes]
    low, high = min(pitches) - _MARGIN_PITCHES, max(pitches) + _MARGIN_PITCHES
    for pitch in range(low, high + 1):
        if pitch % 12 in _BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=_BLACK_KEY, linewidth=0, zorder=0)
    beats = [
        tick
        for (start, end), beat in zip(pairwise(starts), roll.beats[first:], strict=False)
        for tick in range(start, end, beat)
    ]
    axes.vlines(beats, low - 0.5, high + 0.5, colors=_BEAT_LINE, linewidth=0.6, zorder=1)
    axes.vlines(starts, low - 0.5, high + 0.5, colors=_BAR_LINE, linewidth=0.9, zorder=2)
    for note_is_tonic, colour in ((False, _NOTE), (True, _TONIC)):
        shown = [
            note
            for note in roll.notes
            if left <= note[0] < until and (note[2] % 12 == tonic) == note_is_tonic
        ]
        axes.barh(
            [pitch for _, _, pitch in shown],
            [duration for _, duration, _ in shown],
            height=0.9,
            left=[start for start, _, _ in shown],
            color=colour,
            edgecolor=_PAPER,
            linewidth=0.5,
            zorder=3,
        )
    axes.set(xlim=(left, right), ylim=(low - 0.5, high + 0.5))
    _label(axes, starts, first, range(low, high + 1))


def _label(axes: "Axes", starts: tuple[int, ...], first: int, pitches: range) -> None:
    """Number the bars and name the pitches: C D E G A, or only each C in a wide range."""
    named = [pitch for pitch in pitches if pitch % 12 in (_NAMES if len(pitches) <= _WIDE_RANGE else {0})]
    axes.set_yticks(named, [f"{_NAMES[pitch % 12]}{pitch // 12 - 1}" for pitch in named], fontsize=6.5)
    numbers = [str(number) for number in range(first + 1, first + len(starts))]
    axes.set_xticks(starts[:-1], numbers, fontsize=6.5, horizontalalignment="left")
    axes.tick_params(length=0, colors=_INK, pad=3)
    axes.set_frame_on(False)
