"""Splits the first voice of a tune into bars, and finds those that may be shorter than the meter.

Repeats are not expanded. Two bar lines without a note or rest between them count as one. A bar may be short
at the start and end of the tune and next to a repeat sign, a double bar or an ending, because a pickup and
the bar before the repeat complete each other. Overlays (`&`) and voices other than the first are ignored.
Source: the ABC standard 2.1, sections 4.8 to 4.10, 7 and 7.4.
"""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain

from musicgen.notation.key import Key, read_key
from musicgen.notation.lines import FirstVoice, body_lines
from musicgen.notation.meter import Meter, read_meter, read_unit
from musicgen.notation.problems import Problems, quote
from musicgen.notation.sounds import Sound, SoundReader
from musicgen.notation.tokens import TOKEN
from musicgen.notation.tune import Bar, Note

_MAX_REST_BARS = 256
"""Limit per tune, which keeps a few characters from producing thousands of bars."""
_SOUNDS = frozenset({"rest", "chord", "measures"})
_SECTION = re.compile(r":|\|\||\|\]|\[\||[0-9]")
_PLAIN_NOTE = re.compile(r"[A-Ga-g][,']{0,6}[\d/]{0,12}", re.ASCII)
# Notes without accidentals, and what changes none of them: bar lines, blanks, slurs and ornaments.
_PLAIN_RUN = re.compile(r"(?:[A-Wa-w,'0-9/ `~|)]+|\((?![0-9&]))+")
_MARKS = frozenset({"grace", "tuplet", "slur", "tie", "broken", "overlay", "stray"})


@dataclass(slots=True)
class _Draft:
    """A bar that may still change: its sounds, or whether it may be short."""

    text: str
    sounds: list[Sound]
    meter: Fraction | None
    may_be_short: bool
    key: Key
    lines: list[str]


class BarRests:
    """The rests of whole bars in a tune, such as `Z3`, within the limit on their bars."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._num_left = _MAX_REST_BARS

    def num_bars(self, text: str) -> int:
        """How many bars this rest has; 1, with a problem, if it is out of range."""
        count = int(text[1:] or 1)
        if not 1 <= count <= self._num_left:
            self._problems.add(f"rest {quote(text)} is out of range")
            count = 1
        self._num_left -= count
        return count


class BarReader:
    """Reads the body of a tune line by line; `bars()` gives the result."""

    def __init__(self, key: Key, meter: Meter, unit: Fraction, voice: FirstVoice, problems: Problems) -> None:
        """key, meter, unit: those of the header; unit in whole notes."""
        self._problems = problems
        self._key = key
        self._meter = meter
        self._unit = unit
        self._melody = SoundReader(key, unit, meter.is_compound, problems)
        self._voice = voice
        self._rests = BarRests(problems)
        self._in_overlay = False
        self._drafts: list[_Draft] = []
        self._open_bar()
        self._may_be_short = True

    def read(self, body: str) -> None:
        """Read up to the end of the tune: an empty line after the first music, or another X: field."""
        for line in body_lines(body):
            is_empty = not line.text.strip()
            if self._has_music if is_empty else line.field is not None and line.field[0] == "X":
                if body[line.start :].strip():
                    self._problems.add("ignored text after the end of the tune")
                return
            if line.field is not None:
                self._field(*line.field)
            else:
                self._music(line.text)

    def bars(self) -> tuple[Bar, ...]:
        """The bars read so far; ends the last one, which may be short."""
        self._bar_line("")
        if self._drafts:
            self._drafts[-1].may_be_short = True
        return tuple(_finished(draft) for draft in self._drafts)

    @property
    def _has_music(self) -> bool:
        return bool(self._drafts or self._sounds)

    def _open_bar(self) -> None:
        self._texts: list[str] = []
        self._sounds: list[Sound] = []
        self._bar_meter = self._meter.bar_length
        self._may_be_short = False

    def _music(self, line: str) -> None:
        for match in TOKEN.finditer(line):
            if match.lastgroup != "space":
                self._token(match.lastgroup, match[0])

    def _token(self, kind: str | None, text: str) -> None:
        if kind == "field":
            self._field(text[1], text[3:-1].strip())
        elif not self._voice.is_here:
            return
        elif self._in_overlay and kind != "bar":
            self._texts.append(text)
        elif kind == "note":
            if not self._sounds:
                self._bar_meter = self._meter.bar_length
            self._texts.append(text)
            self._sounds.append(self._melody.note(text))
        elif kind == "bar":
            self._bar_line(text)
        elif kind in _MARKS:
            self._mark(kind, text)
        elif kind in _SOUNDS:
            self._rest_or_chord(kind, text)
        elif kind == "ending":
            self._touch_section()
            self._follow(text)

    def _rest_or_chord(self, kind: str, text: str) -> None:
        if not self._sounds:
            self._bar_meter = self._meter.bar_length
        if kind == "measures":
            self._rest_measures(text)
            return
        self._texts.append(text)
        sound = self._melody.rest(text) if kind == "rest" else self._melody.chord(text)
        if sound is not None:
            self._sounds.append(sound)

    def _mark(self, kind: str, text: str) -> None:
        self._texts.append(text)
        if kind == "tie":
            self._melody.tie()
        elif kind == "broken":
            self._melody.broken(text)
        elif kind == "tuplet":
            self._melody.tuplet(text)
        elif kind == "overlay":
            self._in_overlay = True
        elif kind == "stray":
            self._problems.add(f"unknown symbol {quote(text)}")

    def _rest_measures(self, text: str) -> None:
        """Add rests of whole bars: `Z3` reads as `Z|Z|Z`."""
        for number in range(self._rests.num_bars(text)):
            if number:
                self._bar_line("|")
            self._texts.append(text[0])
            self._sounds.append(Sound(None, self._meter.bar_length or Fraction(1)))

    def _bar_line(self, text: str) -> None:
        """Close the bar if it has notes or rests."""
        touches_section = _SECTION.search(text) is not None
        if self._sounds:
            self._drafts.append(
                _Draft("".join(self._texts), self._sounds, self._bar_meter, self._may_be_short, self._key, [])
            )
            self._open_bar()
        self._follow(text)
        self._texts.clear()
        if touches_section:
            self._touch_section()
        self._melody.end_bar()
        self._in_overlay = False

    def _follow(self, text: str) -> None:
        """Note a bar line or ending after the latest bar, unless the next bar has begun."""
        if self._drafts and not self._sounds and text:
            self._drafts[-1].lines.append(text)

    def _touch_section(self) -> None:
        """Allow the bars on both sides of this position to be short."""
        self._may_be_short = True
        if self._drafts and not self._sounds:
            self._drafts[-1].may_be_short = True

    def _field(self, letter: str, value: str) -> None:
        if letter == "V":
            self._voice.change(value, self._has_music)
        elif not self._voice.is_here:
            return
        elif letter == "K":
            self._key, problem = read_key(value, self._key)
            self._problems.add(problem)
            self._melody.change_key(self._key)
        elif letter == "L":
            self._unit, problem = read_unit(value, self._unit)
            self._problems.add(problem)
            self._melody.change_unit(self._unit)
        elif letter == "M":
            self._change_meter(value)

    def _change_meter(self, value: str) -> None:
        """Set the meter of the bars that follow; an invalid one is ignored."""
        meter, problem = read_meter(value)
        self._problems.add(problem)
        if problem is None or meter.bar_length is not None:
            self._meter = meter
            self._melody.is_compound = meter.is_compound


class MelodyReader(BarReader):
    """Reads the same notes, and nothing else exactly: `sounds()` gives the result, and bars have no meaning.

    Most text of most tunes is notes that do not depend on each other. They are read as runs, which takes half
    the time of reading tokens.
    """

    def sounds(self) -> list[Sound]:
        """The notes and rests read so far, in order."""
        return [*chain.from_iterable(draft.sounds for draft in self._drafts), *self._sounds]

    def _music(self, line: str) -> None:
        place = 0
        while place < len(line):
            is_plain = self._melody.is_plain and self._voice.is_here and not self._in_overlay
            match = _PLAIN_RUN.match(line, place) if is_plain else None
            if match is None:
                match = TOKEN.match(line, place)
                assert match is not None, "every character is a token"
                self._token(match.lastgroup, match[0])
            elif notes := _PLAIN_NOTE.findall(line, place, match.end()):
                self._sounds += self._melody.plain_notes(notes)
            place = match.end()


def _finished(draft: _Draft) -> Bar:
    over_under = [(sound.duration.numerator, sound.duration.denominator) for sound in draft.sounds]
    # Integers over a common denominator add up several times faster than Fractions.
    common = math.lcm(*[under for _, under in over_under])
    total = _fraction(sum([over * (common // under) for over, under in over_under]), common)
    notes = [
        _note(sound.pitch, over, under, sound.tied)
        for sound, (over, under) in zip(draft.sounds, over_under, strict=True)
        if sound.pitch is not None
    ]
    return Bar(
        draft.text, tuple(notes), total, draft.meter, draft.may_be_short, draft.key, " ".join(draft.lines)
    )


# Tunes use few distinct notes and durations, so these objects are shared.
@lru_cache(maxsize=8192)
def _note(pitch: int, numerator: int, denominator: int, tied: bool) -> Note:
    return Note(pitch, Fraction(numerator, denominator), tied)


@lru_cache(maxsize=8192)
def _fraction(numerator: int, denominator: int) -> Fraction:
    return Fraction(numerator, denominator)
