"""The lowest and highest note of a tune as written: named notes, ABC notes, or an instrument."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from musicgen.notation.headers import split_header
from musicgen.notation.key import PITCH_CLASS
from musicgen.notation.parsing import parse_tune
from musicgen.notation.tokens import TOKEN, notes_within, read_note

INSTRUMENTS = {
    "whistle": ("D4", "B5"),
    "flute": ("D4", "B5"),
    "recorder": ("C4", "D6"),
    "fiddle": ("G3", "B5"),
    "mandolin": ("G3", "B5"),
    "banjo": ("G3", "B5"),
    "uilleann_pipes": ("D4", "D6"),
    "highland_pipes": ("G4", "A5"),
}
"""Range as folk music is written for them, in first position; whistle and recorder sound an octave higher."""
_NAMED_NOTE = re.compile(r"([A-G])([#b]?)([0-9])")
_ABC_NOTE = re.compile(r"(?:\^\^|\^|__|_|=)?(?:[A-G],{0,6}|[a-g]'{0,6})")


@dataclass(frozen=True, slots=True)
class PitchRange:
    """MIDI numbers of the lowest and the highest note; 60 is middle C."""

    lowest: int
    highest: int

    @classmethod
    def read(cls, value: str | Sequence[str]) -> "PitchRange":
        """Read `whistle`, `D4-B5` or a pair of notes; raises ValueError for anything else."""
        notes = INSTRUMENTS.get(value, value.split("-")) if isinstance(value, str) else value
        if len(notes) != 2:
            raise ValueError(
                f"range={value!r}: two notes are needed, such as D4-B5, or one of {', '.join(INSTRUMENTS)}"
            )
        lowest, highest = map(_read_pitch, notes)
        if lowest > highest:
            raise ValueError(f"range={value!r}: the lowest note comes first")
        return cls(lowest, highest)

    def holds(self, tune: str) -> bool:
        """Whether the ABC tune has notes and all are inside, with those of chords and grace notes."""
        notes = parse_tune(_one_by_one(tune)).notes
        return bool(notes) and all(self.lowest <= note.pitch <= self.highest for note in notes)


def _read_pitch(name: str) -> int:
    """The MIDI number of a named note (`D4`, `Bb3`; C4 is middle C) or an ABC note (`D`, `_B,`, `b`)."""
    name = name.strip()
    if named := _NAMED_NOTE.fullmatch(name):
        letter, sign, octave = named.groups()
        return 12 * (int(octave) + 1) + PITCH_CLASS[letter] + {"#": 1, "b": -1, "": 0}[sign]
    if _ABC_NOTE.fullmatch(name):
        note = read_note(name, 1, 1)
        return note.natural_pitch + (note.alteration or 0)
    raise ValueError(
        f"range: invalid note {name!r}; allowed are D4, F#5, Bb3, or ABC notes such as ^f and _B,"
    )


def _one_by_one(tune: str) -> str:
    """The tune with chords and grace notes as single notes, all of which the parser then reads."""
    _, body, _ = split_header(tune)
    return tune.removesuffix(body) + TOKEN.sub(_single_notes, body)


def _single_notes(token: re.Match[str]) -> str:
    if token.lastgroup not in ("chord", "grace"):
        return token[0]
    return "".join(note[0] for note in notes_within(token[0][1:]))
