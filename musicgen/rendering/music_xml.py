"""Sheet music as MusicXML 4.0, which programs for notation read (https://www.w3.org/2021/06/musicxml40/).

music21 reads ABC, too, but drops notes with ornaments and lets an accidental end after its note: of 100 tunes
of O'Neill's, 71 had the right pitches.
"""

import math
from fractions import Fraction
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, tostring

from musicgen.notation.key import NO_KEY, Key, signature
from musicgen.notation.tokens import SpelledNote, Spelling
from musicgen.rendering.mei import pieces_of, printable
from musicgen.rendering.sheet import Event, Measure, SheetMusic

_TYPES = {
    "breve": "breve",
    "1": "whole",
    "2": "half",
    "4": "quarter",
    "8": "eighth",
    "16": "16th",
    "32": "32nd",
}
_TYPES |= {"64": "64th", "128": "128th", "256": "256th"}
_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_BAR_LINES = {"dbl": "light-light", "end": "light-heavy", "rptend": "light-heavy"}
_FREE = "senza-misura"


def to_music_xml(tune: SheetMusic) -> str:
    """The MusicXML document of a tune. It has the notes, rests, bar lines, repeats, endings and signatures.

    Slurs, ornaments, grace notes and chord symbols are left out.
    """
    root = Element("score-partwise", version="4.0")
    SubElement(root, "movement-title").text = printable(tune.title)
    parts = SubElement(root, "part-list")
    SubElement(SubElement(parts, "score-part", id="P1"), "part-name").text = "Melody"
    _Writer(SubElement(root, "part", id="P1"), _divisions(tune)).add(tune.measures)
    return tostring(root, encoding="unicode", xml_declaration=True)


def _divisions(tune: SheetMusic) -> int:
    """Parts of a quarter note in which every duration is a whole number."""
    durations = [event.duration for measure in tune.measures for event in measure.events]
    factors = [event.tuplet for measure in tune.measures for event in measure.events if event.tuplet]
    return math.lcm(64, *((4 * one).denominator for one in durations)) * math.lcm(*(p for _, p, _ in factors))


class _Writer:
    """Adds measures to a part."""

    def __init__(self, part: Element, divisions: int) -> None:
        self._part = part
        self._divisions = divisions
        self._key = NO_KEY
        self._accidentals: dict[str, int] = {}
        self._tied: dict[Spelling, int] = {}
        """Notes with a tie to the next event, and their alterations."""

    def add(self, measures: tuple[Measure, ...]) -> None:
        ending = None
        for number, (measure, following) in enumerate(pairwise((*measures, Measure())), 1):
            element = SubElement(self._part, "measure", number=str(number))
            ending = measure.ending or ending
            if measure.left_repeat or measure.ending:
                self._bar_line(element, "left", "heavy-light" if measure.left_repeat else None)
                self._ending(element, measure.ending, "start")
                if measure.left_repeat:
                    SubElement(element[-1], "repeat", direction="forward")
            self._attributes(element, measure, is_first=number == 1)
            self._accidentals.clear()
            for event in measure.events:
                self._add_event(element, event)
            is_over = ending is not None and (measure.right not in ("single", "invis") or following.ending)
            if measure.right in _BAR_LINES or is_over:
                self._bar_line(element, "right", _BAR_LINES.get(measure.right))
                self._ending(element, ending if is_over else None, "stop")
                if measure.right == "rptend":
                    SubElement(element[-1], "repeat", direction="backward")
            ending = None if is_over else ending

    def _bar_line(self, measure: Element, location: str, style: str | None) -> None:
        line = SubElement(measure, "barline", location=location)
        if style is not None:
            SubElement(line, "bar-style").text = style

    def _ending(self, measure: Element, number: str | None, kind: str) -> None:
        if number is not None:
            SubElement(measure[-1], "ending", number=number, type=kind)

    def _attributes(self, parent: Element, measure: Measure, *, is_first: bool) -> None:
        if not is_first and measure.key is None and measure.time_signature is None:
            return
        attributes = SubElement(parent, "attributes")
        if is_first:
            SubElement(attributes, "divisions").text = str(self._divisions)
        if measure.key is not None:
            self._key = measure.key
            attributes.append(_key_signature(measure.key))
        sign = measure.time_signature
        if sign is not None:
            time = SubElement(attributes, "time")
            count, _, unit = {"C": "4/4", "C|": "2/2"}.get(sign, sign).strip("()").partition("/")
            if sign:
                SubElement(time, "beats").text = count.strip(" ()")
                SubElement(time, "beat-type").text = unit.strip()
            else:
                SubElement(time, _FREE)
        if is_first:
            clef = SubElement(attributes, "clef")
            SubElement(clef, "sign").text, SubElement(clef, "line").text = "G", "2"

    def _add_event(self, measure: Element, event: Event) -> None:
        """Add a note, a chord or a rest as one or more tied notes."""
        pieces = pieces_of(event.duration)
        altered = {note.spelling: self._alteration(note) for note in event.notes}
        for place, (value, dots) in enumerate(pieces):
            length = Fraction(2) if value == "breve" else Fraction(1, int(value))
            duration = length * (2 - Fraction(1, 2**dots))
            continues = place < len(pieces) - 1
            for number, note in enumerate(event.notes or (None,)):
                element = SubElement(measure, "note")
                ties = []
                if note is None:
                    SubElement(element, "rest")
                else:
                    if number:
                        SubElement(element, "chord")
                    _pitch(element, note, altered[note.spelling])
                    ties = ["stop"] if place or note.spelling in self._tied else []
                    ties += ["start"] if continues or note.spelling in event.tied else []
                self._length(element, event, duration, ties)
                SubElement(element, "type").text = _TYPES[value]
                for _ in range(dots):
                    SubElement(element, "dot")
                if note is not None and note.alteration is not None and not place:
                    SubElement(element, "accidental").text = _ACCIDENTALS[note.alteration]
                _notations(element, event, ties)
        self._tied = {spelling: altered[spelling] for spelling in event.tied}

    def _alteration(self, note: SpelledNote) -> int:
        """By its own accidental, by a tie over the bar line, by the bar's accidentals, or by the key."""
        if note.alteration is not None:
            self._accidentals[note.letter] = note.alteration
            return note.alteration
        tied = self._tied.get(note.spelling)
        return (
            self._accidentals.get(note.letter, dict(self._key.alterations)[note.letter])
            if tied is None
            else tied
        )

    def _length(self, element: Element, event: Event, duration: Fraction, ties: list[str]) -> None:
        if event.tuplet is not None:
            duration = duration * event.tuplet[2] / event.tuplet[1]
        SubElement(element, "duration").text = str(round(4 * duration * self._divisions))
        for kind in ties:
            SubElement(element, "tie", type=kind)


def _pitch(element: Element, note: SpelledNote, alteration: int) -> None:
    pitch = SubElement(element, "pitch")
    SubElement(pitch, "step").text = note.letter
    if alteration:
        SubElement(pitch, "alter").text = str(alteration)
    SubElement(pitch, "octave").text = str(max(0, min(9, note.natural_pitch // 12 - 1)))


def _notations(element: Element, event: Event, ties: list[str]) -> None:
    """The time of a tuplet, and ties as they are drawn."""
    if event.tuplet is not None:
        modification = SubElement(element, "time-modification")
        SubElement(modification, "actual-notes").text = str(event.tuplet[1])
        SubElement(modification, "normal-notes").text = str(event.tuplet[2])
    if ties:
        notations = SubElement(element, "notations")
        for kind in ties:
            SubElement(notations, "tied", type=kind)


def _key_signature(key: Key) -> Element:
    """A standard signature as a number of fifths; any other as a list of alterations."""
    element, alterations = Element("key"), dict(key.alterations)
    fifths = next((one for one in range(-7, 8) if dict(signature(one)) == alterations), None)
    if fifths is not None:
        SubElement(element, "fifths").text = str(fifths)
        return element
    for letter, alteration in key.alterations:
        if alteration:
            SubElement(element, "key-step").text = letter
            SubElement(element, "key-alter").text = str(alteration)
    return element
