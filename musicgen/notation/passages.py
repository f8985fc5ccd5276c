"""Cuts a run of notes, or the beginning, out of a tune as ABC that can be read alone.

A run of notes comes with the bars around it, and their fields.

The text is cut, not rewritten, and its meaning depends on what precedes it: accidentals, broken rhythms and
ties across a bar line, keys that only change part of the signature. So every cut is parsed again, and starts
earlier until its notes are those of the tune.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from musicgen.notation.headers import split_header
from musicgen.notation.lines import FirstVoice, body_lines, split_lines
from musicgen.notation.melodies import Integers, Melody, melody_of
from musicgen.notation.meter import default_unit, read_meter
from musicgen.notation.parsing import parse_tune
from musicgen.notation.tokens import SOUNDS, TOKEN, notes_within, split_chord

_MAX_CHARACTERS = 10_000
"""Longer passages are useless to a reader."""


@dataclass(frozen=True, slots=True)
class Passage:
    """ABC without X: and T:, with a run of notes marked."""

    fields: str
    """M:, L: and K: (also V: if the tune has voices), one line each; empty if unknown."""
    before: str
    """The music up to the first marked note."""
    marked: str
    """From the first marked note to the last."""
    after: str

    @property
    def text(self) -> str:
        """The whole passage, which parses as a tune."""
        head = f"{self.fields}\n" if self.fields else ""
        return f"{head}{self.before}{self.marked}{self.after}"


def cut_passage(text: str, melody: Melody, start: int, stop: int) -> Passage | None:
    """The bars around the notes `start` to `stop` (exclusive) of a tune, with these notes marked.

    melody: the melody of `text`. Parsed alone, the passage has the same pitches and durations as in the tune.
    Returns None if no such passage has at most 10,000 characters.
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
        if len(passage.text) > _MAX_CHARACTERS:
            return None
        found = melody_of(parse_tune(passage.text))
        if first + len(found) >= stop and _are_notes_of(melody, first, found):
            return passage
    return None


def cut_beginning(text: str, num_bars: int) -> str | None:
    """The tune up to the bar line after this many of its bars; None if no bar line is there.

    Bars are counted as `parse_tune` does.
    """
    scan = _Scan.of(text)
    header = text.removesuffix(scan.body)
    for _, end in scan.bar_lines:
        beginning = header + scan.body[:end]
        found = len(parse_tune(beginning).bars)
        if found >= num_bars:
            return beginning if found == num_bars > 0 else None
    return None


def find_in_passage(text: str, pitches: Integers) -> Passage | None:
    """The passage with its first run of notes that has these pitches marked, or else a transposed run.

    pitches: MIDI numbers, shape (notes,), at least one. Returns None if no run matches.
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
    """Whether `found` equals the notes of the melody that start at `first`."""
    notes = slice(first, first + len(found))
    return np.array_equal(found.pitches, melody.pitches[notes]) and np.array_equal(
        found.durations, melody.durations[notes]
    )


@dataclass(slots=True)
class _Scan:
    """Offsets of the notes, bar lines and fields of the first voice in a tune's body.

    Walks through the text like `BarReader`.
    """

    body: str
    voice: FirstVoice
    notes: list[tuple[int, int]] = field(default_factory=list)
    """(begin, end) of each note."""
    bar_lines: list[tuple[int, int]] = field(default_factory=list)
    changes: list[tuple[int, str, str]] = field(default_factory=list)
    """(begin, letter, value) of each K:, L: and M: field of the first voice; -1 for those of the header."""
    end: int = 0
    """After the last line of the tune."""
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
        """Offsets to try as the beginning of a passage: the note's bar, the bar before it, the tune."""
        place = self.notes[start][0]
        ends = [0, *(end for begin, end in self.bar_lines if begin < place)]
        yield from dict.fromkeys((*ends[:-3:-1], 0))

    def fields_at(self, place: int) -> str:
        """The fields in force at this offset, one line each."""
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
