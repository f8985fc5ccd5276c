"""A parsed tune: notes, bars and the header fields that give them meaning."""

from dataclasses import dataclass
from fractions import Fraction

from musicgen.notation.key import Key


@dataclass(frozen=True, slots=True)
class Note:
    """A note as written. Repeats are not expanded, grace notes left out; a chord is its top note."""

    pitch: int
    """MIDI number (60 is middle C), with key signature and accidentals applied."""
    duration: Fraction
    """In whole notes, with tuplets and broken rhythm applied."""
    tied: bool = False
    """Whether a tie joins it to the next note."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The music of the first voice between two bar lines."""

    text: str
    """As written, without white space, fields, comments, decorations, chord symbols and annotations."""
    notes: tuple[Note, ...]
    duration: Fraction
    """Sum of notes and rests in whole notes."""
    meter: Fraction | None
    """Length of a full bar in whole notes; None in free meter (M:none)."""
    may_be_short: bool
    """True at the start or end of the tune and next to a repeat sign, a double bar or an ending."""
    key: Key
    """The key in force at its last note."""
    line: str
    """The bar lines and endings after it, with a space between two, such as ":| |:"; "" without any."""

    @property
    def is_valid(self) -> bool:
        """Whether the durations fill the meter, or fall short of it where a bar may be short."""
        if self.meter is None:
            return True
        return self.duration == self.meter or (self.may_be_short and self.duration < self.meter)


@dataclass(frozen=True, slots=True)
class ParsedTune:
    """A tune read from ABC text.

    A missing or invalid field takes the standard's default and leaves a line in `problems`.
    """

    text: str
    headers: tuple[tuple[str, str], ...]
    """(field letter, value) of the tune header, in order."""
    body: str
    """The text after the header."""
    tonic: int
    """Pitch class of the tonic of K:; 0 is C."""
    bars: tuple[Bar, ...]
    problems: tuple[str, ...]
    """What could not be read, one line each."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """Every note as written, in order."""
        return tuple(note for bar in self.bars for note in bar.notes)

    def header(self, field: str) -> str | None:
        """Value of the first header field with this letter, or None."""
        return next((value for name, value in self.headers if name == field), None)
