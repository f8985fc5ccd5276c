"""Sheet music as MEI, the XML format that verovio reads (https://music-encoding.org, version 5).

verovio's ABC reader crashes on lines that end in `!`, ignores endings and key changes, and draws lengths such
as 5 wrong. Its MEI reader does not.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, tostring

from musicgen.notation.key import Key, signature
from musicgen.notation.tokens import SpelledNote, Spelling
from musicgen.rendering.sheet import Event, Measure, SheetMusic

_NAMESPACE = "http://www.music-encoding.org/ns/mei"
_ACCIDENTAL = {-2: "ff", -1: "f", 0: "n", 1: "s", 2: "x"}
_ARTICULATION = {
    ".": "stacc",
    "u": "upbow",
    "v": "dnbow",
    "upbow": "upbow",
    "downbow": "dnbow",
    "accent": "acc",
}
_SIGN = {
    name: sign
    for sign, names in {
        "turn": ("~", "roll", "turn"),
        "trill": ("T", "trill"),
        "fermata": ("H", "fermata"),
        "mordent": ("M", "mordent", "P"),
    }.items()
    for name in names
}
_MAX_TITLE_CHARACTERS = 70
_BEAMED_BELOW = Fraction(1, 4)


def to_mei(tune: SheetMusic) -> str:
    """The MEI document of a tune with at least one measure. Equal tunes give equal text."""
    root = Element("mei", xmlns=_NAMESPACE, meiversion="5.0")
    title = printable(tune.title)[:_MAX_TITLE_CHARACTERS]
    statement = SubElement(SubElement(SubElement(root, "meiHead"), "fileDesc"), "titleStmt")
    SubElement(statement, "title").text = title
    body = SubElement(SubElement(root, "music"), "body")
    score = SubElement(SubElement(body, "mdiv"), "score")
    definition = SubElement(score, "scoreDef")
    if title:
        head = SubElement(definition, "pgHead")
        SubElement(head, "rend", halign="center", valign="middle", fontsize="large").text = title
    staff = SubElement(SubElement(definition, "staffGrp"), "staffDef", n="1", lines="5")
    SubElement(staff, "clef", shape="G", line="2")
    _add_signatures(staff, tune.measures[0])
    _Engraving(SubElement(score, "section")).add(tune.measures)
    return tostring(root, encoding="unicode", xml_declaration=False)


def printable(text: str) -> str:
    """The text without characters that XML forbids or that are invisible."""
    return "".join(character for character in text if character.isprintable()).strip()


def _add_signatures(parent: Element, measure: Measure) -> None:
    """Add the measure's new key and time signature, if any, to a staffDef or scoreDef."""
    if measure.key is not None:
        parent.append(_key_signature(measure.key))
    sign = measure.time_signature
    if sign in ("C", "C|"):
        SubElement(parent, "meterSig", sym="common" if sign == "C" else "cut")
    elif sign:
        count, _, unit = sign.partition("/")
        SubElement(parent, "meterSig", count=count, unit=unit)


def _key_signature(key: Key) -> Element:
    """A standard signature as a number of sharps or flats; any other as a list of accidentals."""
    alterations = dict(key.alterations)
    for fifths in range(-7, 8):
        if dict(signature(fifths)) == alterations:
            return Element("keySig", sig=f"{abs(fifths)}{'s' if fifths > 0 else 'f'}" if fifths else "0")
    element = Element("keySig")
    for letter, alteration in key.alterations:
        if alteration:
            sign = _ACCIDENTAL[max(-2, min(2, alteration))]
            SubElement(
                element, "keyAccid", pname=letter.lower(), accid=sign, oct="5" if letter in "CDEFG" else "4"
            )
    return element


class _Engraving:
    """Adds measures to a section."""

    def __init__(self, section: Element) -> None:
        self._section = section
        self._num_ids = 0
        self._open_slurs: list[tuple[Element, str]] = []
        self._tied_from: frozenset[Spelling] = frozenset()

    def add(self, measures: tuple[Measure, ...]) -> None:
        parent = self._section
        for number, measure in enumerate(measures):
            if measure.ending is not None or measure.left_repeat:
                parent = self._section
            # Also for the first measure: verovio warns about a score without system breaks.
            if measure.starts_line:
                SubElement(parent, "sb")
            if number and (measure.key is not None or measure.time_signature is not None):
                _add_signatures(SubElement(parent, "scoreDef"), measure)
            if measure.ending is not None:
                parent = SubElement(self._section, "ending", n=measure.ending, lendsym="angledown")
            self._add_measure(parent, measure)
            if measure.right not in ("single", "invis"):
                parent = self._section

    def _add_measure(self, parent: Element, measure: Measure) -> None:
        element = SubElement(parent, "measure", right=measure.right)
        if measure.left_repeat:
            element.set("left", "rptstart")
        layer = SubElement(SubElement(element, "staff", n="1"), "layer", n="1")
        signs: list[Element] = []
        for tuplet, events in groupby(measure.events, key=lambda event: event.tuplet):
            group = layer
            if tuplet is not None:
                group = SubElement(layer, "tuplet", num=str(tuplet[1]), numbase=str(tuplet[2]))
                group.set("num.format", "count")
                group.set("bracket.visible", "false" if tuplet[1] == 3 else "true")
            for beamed in _beams(list(events)):
                target = SubElement(group, "beam") if len(beamed) > 1 else group
                for event in beamed:
                    self._add_event(target, event, signs, element)
        element.extend(signs)

    def _add_event(self, parent: Element, event: Event, signs: list[Element], measure: Element) -> None:
        """Add an event as one or more tied notes, and collect its signs."""
        self._add_graces(parent, event.graces)
        pieces = pieces_of(event.duration)
        first = ""
        for place, (value, dots) in enumerate(pieces):
            continues = place < len(pieces) - 1
            element = self._element(event, value, dots, place == 0)
            for note, drawn in zip(event.notes, _notes_of(element), strict=False):
                starts = continues or note.spelling in event.tied
                ends = place > 0 or note.spelling in self._tied_from
                if starts or ends:
                    drawn.set("tie", "m" if starts and ends else "i" if starts else "t")
            parent.append(element)
            first = first or element.get("xml:id", "")
        self._tied_from = event.tied
        if event.notes:
            self._add_signs(event, first, signs, measure)

    def _element(self, event: Event, value: str, dots: int, is_first: bool) -> Element:
        """A note, chord, rest or space with a single note value."""
        name = "note" if len(event.notes) == 1 else "chord" if event.notes else "rest"
        if event.is_invisible:
            name = "space"
        element = Element(name, dur=value)
        element.set("xml:id", self._new_id())
        if dots:
            element.set("dots", str(dots))
        if name == "chord":
            for note in event.notes:
                _spell(SubElement(element, "note"), note, is_first)
        elif name == "note":
            _spell(element, event.notes[0], is_first)
        if event.notes and is_first:
            for ornament in event.ornaments:
                if ornament in _ARTICULATION:
                    SubElement(element, "artic", artic=_ARTICULATION[ornament])
        return element

    def _new_id(self) -> str:
        self._num_ids += 1
        return f"n{self._num_ids}"

    def _add_graces(self, parent: Element, graces: tuple[SpelledNote, ...]) -> None:
        if not graces:
            return
        group = SubElement(parent, "graceGrp")
        group = SubElement(group, "beam") if len(graces) > 1 else group
        for note in graces:
            grace = SubElement(group, "note", dur="16" if len(graces) > 1 else "8", grace="unacc")
            _spell(grace, note, True)

    def _add_signs(self, event: Event, note_id: str, signs: list[Element], measure: Element) -> None:
        start = {"startid": f"#{note_id}"}
        if event.chord_symbol is not None and (symbol := printable(event.chord_symbol)):
            harmony = Element("harm", start)
            harmony.text = symbol
            signs.append(harmony)
        for ornament in dict.fromkeys(event.ornaments):
            if ornament in _SIGN:
                signs.append(Element(_SIGN[ornament], start))
        for _ in range(event.slurs_closed):
            if self._open_slurs:
                slur_measure, slur_start = self._open_slurs.pop()
                if slur_start != note_id:
                    SubElement(slur_measure, "slur", startid=f"#{slur_start}", endid=f"#{note_id}")
        self._open_slurs.extend([(measure, note_id)] * min(event.slurs_opened, 4))


def _notes_of(element: Element) -> list[Element]:
    return [element] if element.tag == "note" else element.findall("note")


def _spell(element: Element, note: SpelledNote, shows_accidental: bool) -> None:
    element.set("pname", note.letter.lower())
    element.set("oct", str(max(0, min(9, note.natural_pitch // 12 - 1))))
    if note.alteration is not None and shows_accidental:
        element.set("accid", _ACCIDENTAL[note.alteration])


def _beams(events: list[Event]) -> Iterator[list[Event]]:
    """Groups of notes under one beam: shorter than a quarter, without space between them in the text."""
    run: list[Event] = []
    for event in events:
        is_beamable = bool(event.notes) and event.duration < _BEAMED_BELOW
        if run and not (is_beamable and not event.follows_space):
            yield run
            run = []
        if is_beamable:
            run.append(event)
        else:
            yield [event]
    if run:
        yield run


# A tune has few distinct durations, and Fractions are slow.
@lru_cache(maxsize=1024)
def pieces_of(duration: Fraction) -> tuple[tuple[str, int], ...]:
    """(MEI note value, dots) of tied notes with this total duration, a multiple of 1/256; longest first."""
    pieces = []
    left = duration
    value = Fraction(2)
    while left > 0:
        if value > left:
            value /= 2
            continue
        dots = 2 if left >= value * Fraction(7, 4) else 1 if left >= value * Fraction(3, 2) else 0
        if value * Fraction(1, 2**dots) < Fraction(1, 256):
            dots = 0
        left -= value * (2 - Fraction(1, 2**dots))
        pieces.append(("breve" if value == 2 else str(value.denominator), dots))
    return tuple(pieces)
