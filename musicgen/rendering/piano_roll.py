"""Draws the notes of a MIDI file over time: pitch upwards, sixteen bars per row.

Rows of equal length align repeated phrases. Times are in MIDI ticks, lengths in pixels. The picture consists
of rectangles and short labels, which Pillow draws ten times faster than matplotlib.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.notation.tune import ParsedTune
from musicgen.rendering.midi import read_score

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

BARS_PER_ROW = 16
MAX_ROWS = 8
# F and B are a semitone from their neighbours, so their labels would overlap.
_NAMES = {0: "C", 2: "D", 4: "E", 7: "G", 9: "A"}
_BLACK_KEYS = frozenset({1, 3, 6, 8, 10})
_WIDE_RANGE = 32
_NOTE, _TONIC, _INK, _PAPER = "#2f6f9f", "#d9772b", "#30343b", "#ffffff"
_BLACK_KEY, _BEAT_LINE, _BAR_LINE = "#f1f3f6", "#e3e6eb", "#aab1bc"
_MARGIN_PITCHES = 2
_FONT, _MAX_TITLE_CHARACTERS = "DejaVuSans.ttf", 70
_SMALL, _MIDDLE, _LARGE = 11, 13, 22
_WIDTH, _LEFT, _RIGHT = 1320, 72, 1300
_TITLE_BASELINE, _TITLE_HEIGHT, _ROW_HEIGHT, _ROW_DISTANCE = 36, 60, 180, 214
_BETWEEN_NOTES = 1


@dataclass(frozen=True, slots=True)
class Roll:
    """The content of a piano roll; times in ticks."""

    notes: tuple[tuple[int, int, int], ...]
    """(start, duration, MIDI pitch)."""
    upbeat: int
    """Duration before the first full bar."""
    bar_starts: tuple[int, ...]
    """Starts of the full bars, and the end of the last one drawn."""
    beats: tuple[int, ...]
    """Duration of a beat in each bar."""


def read_roll(midi: bytes, tune: ParsedTune) -> Roll:
    """Read the notes from the MIDI, and the length of the upbeat from the tune as written."""
    score = read_score(midi)
    notes = sorted((note.time, note.duration, note.pitch) for track in score.tracks for note in track.notes)
    whole_note = 4 * score.ticks_per_quarter
    meters = sorted((sign.time, sign.numerator, sign.denominator) for sign in score.time_signatures)
    end = max(start + duration for start, duration, _ in notes)
    count, unit = _meter_at(0, meters)
    first_bar = round(tune.bars[0].duration * whole_note) if tune.bars else 0
    upbeat = first_bar if first_bar < whole_note * count // unit else 0
    bar_starts, beats = [upbeat], []
    while not beats or (bar_starts[-1] < end and len(beats) < BARS_PER_ROW * MAX_ROWS):
        count, unit = _meter_at(bar_starts[-1], meters)
        is_compound = count % 3 == 0 and count > 3 and unit >= 8
        beats.append(max(1, whole_note // unit * (3 if is_compound else 1)))
        bar_starts.append(bar_starts[-1] + max(1, whole_note * count // unit))
    return Roll(tuple(notes), upbeat, tuple(bar_starts), tuple(beats))


def _meter_at(tick: int, meters: list[tuple[int, int, int]]) -> tuple[int, int]:
    """(count, unit) of the time signature in force; 4/4 without one."""
    in_force = [(count, unit) for start, count, unit in meters if start <= tick and count > 0 and unit > 0]
    return in_force[-1] if in_force else (4, 4)


def draw_piano_roll(midi: bytes, tune: ParsedTune, path: Path) -> None:
    """Write a PNG of the first 128 bars as played. Notes on the tonic of K: are highlighted.

    midi: must contain a note.
    """
    from PIL import Image, ImageDraw

    roll = read_roll(midi, tune)
    num_rows = -(-len(roll.beats) // BARS_PER_ROW)
    image = Image.new("RGB", (_WIDTH, _TITLE_HEIGHT + _ROW_DISTANCE * num_rows), _PAPER)
    draw = ImageDraw.Draw(image)
    title = _printable(tune.header("T") or "")[:_MAX_TITLE_CHARACTERS]
    draw.text((_LEFT, _TITLE_BASELINE), title, _INK, _font(_LARGE), anchor="ls")
    draw.text((_RIGHT, _TITLE_BASELINE), "orange: the tonic", _TONIC, _font(_MIDDLE), anchor="rs")
    for row in range(num_rows):
        _draw_row(draw, roll, row, tune.tonic)
    # A third faster than Pillow's default, and a few kilobytes larger.
    image.save(path, format="png", compress_level=3)


@cache
def _font_file() -> Path:
    """A font with many scripts that ships with matplotlib."""
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf" / _FONT


@cache
def _font(size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    # The other layout engine, Raqm, is not always available.
    return ImageFont.truetype(_font_file(), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _drawable() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(_font_file())).get_charmap())


def _printable(title: str) -> str:
    """The title with a box for every character that is not in the font."""
    return "".join(letter if ord(letter) in _drawable() else "□" for letter in title if letter.isprintable())


def _draw_row(draw: "ImageDraw", roll: Roll, row: int, tonic: int) -> None:
    """Draw sixteen bars from upbeat to upbeat, or the rest of the tune on the same scale."""
    first = row * BARS_PER_ROW
    starts = roll.bar_starts[first : first + BARS_PER_ROW + 1]
    longest_bar = max(end - start for start, end in pairwise(starts))
    left = starts[0] - roll.upbeat
    is_last = first + BARS_PER_ROW >= len(roll.beats)
    right = max(starts[-1], starts[0] + BARS_PER_ROW * longest_bar) - roll.upbeat
    until = starts[-1] if is_last else right
    pitches = [pitch for _, _, pitch in roll.notes]
    low, high = min(pitches) - _MARGIN_PITCHES, max(pitches) + _MARGIN_PITCHES
    top = _TITLE_HEIGHT + row * _ROW_DISTANCE
    bottom = top + _ROW_HEIGHT

    def x(tick: int) -> int:
        return round(_LEFT + (min(tick, right) - left) / (right - left) * (_RIGHT - _LEFT))

    def y(pitch: float) -> int:
        """The upper edge of a pitch's lane."""
        return round(top + (high - pitch) / (high - low + 1) * _ROW_HEIGHT)

    for pitch in range(low, high + 1):
        if pitch % 12 in _BLACK_KEYS:
            draw.rectangle((_LEFT, y(pitch), _RIGHT, y(pitch - 1) - 1), _BLACK_KEY)
    for (start, end), beat in zip(pairwise(starts), roll.beats[first:], strict=False):
        for tick in range(start, end, beat):
            draw.line((x(tick), top, x(tick), bottom), _BEAT_LINE)
    for start in starts:
        draw.line((x(start), top, x(start), bottom), _BAR_LINE, width=2)
    for start, duration, pitch in roll.notes:
        if left <= start < until:
            colour = _TONIC if pitch % 12 == tonic else _NOTE
            end = max(x(start), x(start + duration) - 1 - _BETWEEN_NOTES)
            # In a wide range, lanes of one or two pixels have no room for a gap.
            draw.rectangle(
                (x(start), y(pitch), end, max(y(pitch), y(pitch - 1) - 1 - _BETWEEN_NOTES)), colour
            )
    _name_pitches(draw, range(low, high + 1), lambda pitch: y(pitch - 0.5))
    _number_bars(draw, [x(start) for start in starts[:-1]], first + 1, bottom)


def _name_pitches(draw: "ImageDraw", pitches: range, middle_of: Callable[[int], int]) -> None:
    """Label C D E G A, or only C in a wide range."""
    names = _NAMES if len(pitches) <= _WIDE_RANGE else {0: "C"}
    for pitch in pitches:
        if pitch % 12 in names:
            name = f"{names[pitch % 12]}{pitch // 12 - 1}"
            draw.text((_LEFT - 6, middle_of(pitch)), name, _INK, _font(_SMALL), anchor="rm")


def _number_bars(draw: "ImageDraw", places: Sequence[int], first: int, bottom: int) -> None:
    for number, place in enumerate(places, first):
        draw.text((place, bottom + 5), str(number), _INK, _font(_SMALL), anchor="lt")
