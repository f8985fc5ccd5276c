"""Reads ABC text as sheet music.

`musicgen.notation` reads the same tokens for their sound; this module keeps what only sheet music shows. It
reads only the first voice. What cannot be drawn is omitted and listed as a problem.
"""

import re
from fractions import Fraction

from musicgen.notation.bars import BarRests
from musicgen.notation.key import NO_KEY, read_key
from musicgen.notation.lines import FirstVoice, Line, body_lines
from musicgen.notation.meter import FREE_METER, default_unit, read_meter, read_unit
from musicgen.notation.problems import Problems, quote
from musicgen.notation.tokens import (
    TOKEN,
    SpelledNote,
    notes_within,
    read_length,
    read_note,
    read_tuplet,
    split_chord,
)
from musicgen.notation.tune import ParsedTune
from musicgen.rendering.sheet import Event, Measure, SheetMusic

MAX_EVENTS = 2_000
_MAX_CHORD_NOTES = 8
_MAX_DURATION = Fraction(4)
_MIN_DURATION = Fraction(1, 256)
_COARSE_STEP = Fraction(1, 32)
_TIME_SIGNATURE = re.compile(r"\s*(C\|?|\(?[\d+\s]+\)?/\s*\d+)")
_STRENGTH = ("invis", "single", "dbl", "end", "rptend")


def read_sheet(tune: ParsedTune) -> SheetMusic:
    """Read a parsed tune as sheet music. A tune without music has no measures."""
    fields = dict(reversed(tune.headers))
    reader = _Reader(fields, FirstVoice(tune.headers))
    for line in body_lines(tune.body):
        if not line.text.strip() and reader.has_events:
            break
        reader.read_line(line)
    measures = reader.finish()
    return SheetMusic(fields.get("T", ""), measures, reader.problems.lines())


class _Reader:
    def __init__(self, fields: dict[str, str], voice: FirstVoice) -> None:
        self.problems = Problems()
        self.has_events = False
        self._measures: list[Measure] = []
        self._measure = Measure(starts_line=True)
        self._key, self._meter, self._unit = NO_KEY, FREE_METER, Fraction(1, 8)
        self._voice = voice
        self._in_overlay = False
        self._rests = BarRests(self.problems)
        self._num_events = self._num_tuplets = self._tuplet_left = 0
        self._tuplet: tuple[int, int, int] | None = None
        self._broken: Fraction | None = None
        self._last: Event | None = None
        self._strays: dict[str, None] = {}
        self._reset_pending()
        self._field("M", fields.get("M", "none"))
        self._unit = default_unit(self._meter)
        if "L" in fields:
            self._field("L", fields["L"])
        self._field("K", fields.get("K", "none"))

    def _reset_pending(self) -> None:
        """Clear what is attached to the next note: space, graces, ornaments, chord symbol, slurs."""
        self._space = False
        self._graces: tuple[SpelledNote, ...] = ()
        self._ornaments: tuple[str, ...] = ()
        self._chord_symbol: str | None = None
        self._slurs = 0

    def read_line(self, line: Line) -> None:
        if line.field is not None:
            self._field(*line.field)
            return
        self._space = True
        if not self._measure.events:
            self._measure.starts_line = True
        for match in TOKEN.finditer(line.text):
            if match.lastgroup == "comment":
                break
            if self._num_events < MAX_EVENTS:
                self._token(match.lastgroup or "stray", match[0])

    def _token(self, kind: str, text: str) -> None:
        if kind == "field":
            self._field(text[1], text[3:-1].strip())
        elif not self._voice.is_here:
            return
        elif kind in ("bar", "ending"):
            self._bar(text)
        elif kind == "overlay":
            self._in_overlay = True
        elif not self._in_overlay:
            self._music(kind, text)

    def _music(self, kind: str, text: str) -> None:
        match kind:
            case "note":
                note = self._note(text)
                self._add((note,), note.duration)
            case "chord":
                self._chord(text)
            case "rest":
                self._add((), read_length(text[1:])[0] * self._unit, is_invisible=text[0] == "x")
            case "measures":
                self._rest_measures(text)
            case "space" | "linebreak":
                self._space = True
            case "grace":
                self._graces = self._notes(text[1:-1])
            case "tuplet":
                self._start_tuplet(text)
            case "tie" if self._last is not None:
                self._last.tied = frozenset(note.spelling for note in self._last.notes)
            case "broken":
                self._break_rhythm(text)
            case "slur":
                self._slur(text)
            case "quoted" if text[1:2] not in ("^", "_", "<", ">", "@", '"'):
                self._chord_symbol = text[1:-1][:16]
            case "ornament":
                self._ornaments += (text.strip("!+"),)
            case "stray":
                self._strays[text] = None

    def _chord(self, text: str) -> None:
        inside, length = split_chord(text)
        notes = self._notes(inside)
        if notes:
            event = self._add(notes, notes[0].duration * read_length(length)[0])
            event.tied = frozenset(
                note.spelling
                for note, match in zip(notes, notes_within(inside), strict=False)
                if inside.startswith("-", match.end())
            )

    def _note(self, text: str) -> SpelledNote:
        return read_note(text, self._unit.numerator, self._unit.denominator)

    def _notes(self, text: str) -> tuple[SpelledNote, ...]:
        return tuple(self._note(match[0]) for match in notes_within(text))[:_MAX_CHORD_NOTES]

    def _rest_measures(self, text: str) -> None:
        """Add rests of whole bars, each a measure of its own, as `parse_tune` does."""
        for number in range(min(self._rests.num_bars(text), MAX_EVENTS - self._num_events)):
            if number:
                self._end_measure("single")
            self._add((), self._meter.bar_length or Fraction(1), is_invisible=text[0] == "X")

    def _add(self, notes: tuple[SpelledNote, ...], duration: Fraction, is_invisible: bool = False) -> Event:
        """Add an event to the measure, with everything pending; returns it."""
        if self._broken is not None:
            duration, self._broken = duration * self._broken, None
        event = Event(notes, duration, is_invisible, self._space, self._tuplet, self._graces, self._ornaments)
        event.chord_symbol, event.slurs_opened = self._chord_symbol, self._slurs
        self._reset_pending()
        self._tuplet_left -= 1
        if self._tuplet_left <= 0:
            self._tuplet = None
        self._measure.events.append(event)
        self._last = event
        self.has_events = True
        self._num_events += 1
        if self._num_events == MAX_EVENTS:
            self.problems.add(f"the score ends after {MAX_EVENTS} notes")
        return event

    def _start_tuplet(self, text: str) -> None:
        is_compound = self._meter.is_compound
        tuplet = read_tuplet(text, is_compound)
        if tuplet is None:
            self.problems.add(f"invalid tuplet {quote(text)}")
            return
        self._tuplet_left, factor = tuplet
        p = int(text[1:].split(":")[0])
        q = factor * p
        self._num_tuplets += 1
        self._tuplet = (self._num_tuplets, p, int(q))

    def _break_rhythm(self, signs: str) -> None:
        """Lengthen one of two neighbouring notes and shorten the other."""
        if self._last is None or self._last.duration == 0:
            return
        short = Fraction(1, 2 ** min(len(signs), 3))
        first = 2 - short if signs[0] == ">" else short
        self._last.duration *= first
        self._broken = 2 - first

    def _slur(self, sign: str) -> None:
        if sign.endswith("("):
            self._slurs += 1
        elif self._last is not None:
            self._last.slurs_closed += 1

    def _bar(self, text: str) -> None:
        """End the measure, and start the next with repeat sign and ending."""
        signs = text.strip(".0123456789,-")
        number = re.search(r"\d[\d,.\-]*$", text)
        self._in_overlay = False
        if signs and signs != "[":
            self._end_measure(_right_bar_line(signs))
            self._measure.left_repeat |= signs.endswith(":")
        if number is not None:
            if self._measure.events:
                self._end_measure("invis")
            self._measure.ending = number[0].rstrip(",.-")

    def _end_measure(self, right: str) -> None:
        # Tuplets and broken rhythm end with the measure; ties do not.
        self._tuplet, self._tuplet_left, self._broken = None, 0, None
        self._space = True
        if self._measure.events:
            self._measure.right = right
            self._measures.append(self._measure)
            self._measure = Measure()
        elif self._measures:
            previous = self._measures[-1]
            previous.right = max(previous.right, right, key=_STRENGTH.index)

    def _field(self, letter: str, value: str) -> None:
        if letter == "V":
            self._voice.change(value, self.has_events)
        elif not self._voice.is_here or letter not in "KLM":
            return
        elif letter == "L":
            self._unit, problem = read_unit(value, self._unit)
            self.problems.add(problem)
        else:
            if self._measure.events:
                self._end_measure("invis")
            if letter == "K":
                self._key, problem = read_key(value, self._key)
                self._measure.key = self._key
            else:
                self._meter, problem = read_meter(value)
                sign = _TIME_SIGNATURE.match(value) if self._meter.bar_length else None
                self._measure.time_signature = re.sub(r"[()\s]", "", sign[1]) if sign else ""
            self.problems.add(problem)

    def finish(self) -> tuple[Measure, ...]:
        """The measures, with durations rounded to what note heads can show."""
        self._end_measure("single")
        if self._strays:
            self.problems.add(f"not drawn: {quote(''.join(self._strays))}")
        for measure in self._measures:
            for event in measure.events:
                event.duration = self._drawable(event.duration)
        return tuple(self._measures)

    def _drawable(self, duration: Fraction) -> Fraction:
        """The duration if tied and dotted notes can show it, else the nearest multiple of 1/32."""
        is_binary = duration % _MIN_DURATION == 0
        nearest = duration if is_binary else max(round(duration / _COARSE_STEP), 1) * _COARSE_STEP
        drawable = min(nearest, _MAX_DURATION)
        if drawable != duration:
            self.problems.add(f"drew a note of {duration} of a whole note as {drawable}")
        return drawable


def _right_bar_line(signs: str) -> str:
    """The MEI name of the bar line for these ABC signs."""
    if signs.startswith(":"):
        return "rptend"
    if "]" in signs or "[" in signs:
        return "end" if "]" in signs else "dbl"
    return "dbl" if signs.count("|") > 1 else "single"
