"""Some notes of a tune as ABC that stands alone: the bars around them, under the fields in force there.

The text is the tune's own, cut out and not written anew. What it means depends on what stands before it
(accidentals, broken rhythms and ties that reach over a bar line, keys that say only what they change), so
every cut is read again, and begins earlier until its notes are those of the tune.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from musicgen.notation.headers import split_header
from musicgen.notation.lines import body_lines, split_lines
from musicgen.notation.melodies import Integers, Melody, melody_of
from musicgen.notation.meter import default_unit, read_meter
from musicgen.notation.parsing import parse_tune
from musicgen.notation.tokens import SOUNDS, TOKEN, notes_within, split_chord
from musicgen.notation.voices import FirstVoice

_LONGEST = 10_000
"""Characters: whatever is longer, nobody reads."""


@dataclass(frozen=True, slots=True)
class Passage:
    """ABC without X: and T:, in which a run of notes is marked."""

    fields: str
    """M:, L: and K: (V: too, where the tune has voices), a line each; empty where they are not known."""
    before: str
    """The music up to the first marked note."""
    marked: str
    """From the first marked note to the last."""
    after: str

    @property
    def text(self) -> str:
        """All of it, which reads as a tune."""
        head = f"{self.fields}\n" if self.fields else ""
        return f"{head}{self.before}{self.marked}{self.after}"


def cut_passage(text: str, melody: Melody, start: int, stop: int) -> Passage | None:
    """The bars of a tune's text with its notes from `start` up to, not including, `stop`, which are marked.

    melody: that of `text`. Read by itself, the passage has the pitches and durations that the tune has
    there. None where no such passage is found, or only one that is too long to read.
    """
    scan = _Scan.of(text)
    if len(scan.notes) != len(melody) or not 0 <= start < stop <= len(melody):
        return None
    end = min([line for line in scan.bar_lines if line[0] >= scan.notes[stop - 1][1]], default=(scan.end,))[0]
    for begin in scan.beginnings(start):
        first = sum(note[0] < begin for note in scan.notes[:start])
        mark = scan.notes[start][0], scan.notes[stop - 1][1]
        passage = Passage(
            fields=scan.fields_at(begin),
            before=scan.body[begin : mark[0]].lstrip(),
            marked=scan.body[slice(*mark)],
            after=scan.body[mark[1] : end].rstrip(),
        )
        if len(passage.text) > _LONGEST:
            return None
        found = melody_of(parse_tune(passage.text))
        if first + len(found) >= stop and _are_notes_of(melody, first, found):
            return passage
    return None


def find_in_passage(text: str, pitches: Integers) -> Passage | None:
    """A passage's text with the first run of notes marked that rises and falls as `pitches` do.

    As written where there is such a run, else in any key. pitches: MIDI numbers, shape (notes,), at least
    one. None where there is no such run.
    """
    melody, scan = melody_of(parse_tune(text)), _Scan.of(text)
    if len(scan.notes) != len(melody) or not 1 <= len(pitches) <= len(melody):
        return None
    moved = np.lib.stride_tricks.sliding_window_view(melody.pitches, len(pitches)) - pitches
    starts = [*np.flatnonzero((moved == 0).all(axis=1)), *np.flatnonzero((moved == moved[:, :1]).all(axis=1))]
    if not starts:
        return None
    mark = slice(scan.notes[starts[0]][0], scan.notes[starts[0] + len(pitches) - 1][1])
    fields = "\n".join(split_lines(text)).removesuffix(scan.body).rstrip("\n")
    return Passage(fields, scan.body[: mark.start], scan.body[mark], scan.body[mark.stop :])


def _are_notes_of(melody: Melody, first: int, found: Melody) -> bool:
    """Whether `found` is what the melody has from its note `first` on."""
    notes = slice(first, first + len(found))
    return np.array_equal(found.pitches, melody.pitches[notes]) and np.array_equal(
        found.durations, melody.durations[notes]
    )


@dataclass(slots=True)
class _Scan:
    """Where in a tune's body the notes of its first voice stand, its bar lines, and its fields.

    It goes through the text as `BarReader` does and looks at nothing but places.
    """

    body: str
    voice: FirstVoice
    notes: list[tuple[int, int]] = field(default_factory=list)
    """(begin, end) of each in the body."""
    bar_lines: list[tuple[int, int]] = field(default_factory=list)
    changes: list[tuple[int, str, str]] = field(default_factory=list)
    """(begin, letter, value) of each K:, L: and M: of the first voice; those of the header at -1."""
    end: int = 0
    """Behind the last line of the tune."""
    _has_sounds: bool = False
    _in_overlay: bool = False

    @classmethod
    def of(cls, text: str) -> "_Scan":
        headers, body, _ = split_header(text)
        values = dict(reversed(headers))
        scan = cls(body, FirstVoice(headers))
        meter = values.get("M", "none")
        unit = str(default_unit(read_meter(meter)[0]))
        for letter, default in (("M", meter), ("L", unit), ("K", "none")):
            scan.changes.append((-1, letter, values.get(letter, default)))
        scan._read()
        return scan

    def beginnings(self, start: int) -> Iterator[int]:
        """Places where a passage with this note may begin: its bar, the bar before, the tune."""
        place = self.notes[start][0]
        ends = [0, *(end for begin, end in self.bar_lines if begin < place)]
        yield from dict.fromkeys((*ends[:-3:-1], 0))

    def fields_at(self, place: int) -> str:
        """The fields in force at this place of the body, a line each."""
        values = {letter: value for begin, letter, value in self.changes if begin < place}
        lines = [f"M:{values['M']}", f"L:{values['L']}"]
        if self.voice.name is not None:
            lines.append(f"V:{self.voice.name}")
        return "\n".join([*lines, f"K:{values['K']}"])

    def _read(self) -> None:
        self.end = len(self.body) + 1
        for line in body_lines(self.body):
            if self._has_sounds if not line.text.strip() else line.field is not None and line.field[0] == "X":
                self.end = line.start
                break
            if line.field is not None:
                self._field(line.start, *line.field)
            else:
                self._music(line.start, line.text)

    def _music(self, start: int, line: str) -> None:
        for match in TOKEN.finditer(line):
            kind, text = match.lastgroup, match[0]
            place = start + match.start(), start + match.end()
            if kind == "field":
                self._field(place[0], text[1], text[3:-1].strip())
            elif not self.voice.is_here:
                continue
            elif kind == "bar":
                self.bar_lines.append(place)
                self._in_overlay = False
            elif self._in_overlay:
                continue
            elif kind == "overlay":
                self._in_overlay = True
            elif kind in SOUNDS:
                self._has_sounds = True
                if kind == "note" or (kind == "chord" and any(notes_within(split_chord(text)[0]))):
                    self.notes.append(place)

    def _field(self, place: int, letter: str, value: str) -> None:
        if letter == "V":
            self.voice.change(value, self._has_sounds)
        elif letter in "KLM" and self.voice.is_here:
            self.changes.append((place, letter, value))
