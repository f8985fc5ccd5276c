"""What a parsed tune is: notes, bars and the header fields that give them meaning."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Note:
    """One note as written (repeats not expanded, grace notes left out, the top note of a chord)."""

    pitch: int
    """MIDI number, 60 is middle C; key signature and accidentals applied."""
    duration: Fraction
    """In whole notes; tuplets and broken rhythm applied."""
    tied: bool = False
    """True where a tie joins it to the next note, which sounds as its continuation."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What stands between two bar lines, in the first voice."""

    text: str
    """As written, without white space, fields, comments, decorations, chord symbols and annotations."""
    notes: tuple[Note, ...]
    duration: Fraction
    """Sum of its notes and rests in whole notes."""
    meter: Fraction | None
    """What a full bar lasts here, in whole notes; None in free meter (M:none)."""
    may_be_short: bool
    """True at the start or end of the tune and beside a repeat sign, a double bar or an ending."""

    @property
    def is_valid(self) -> bool:
        """Whether the durations fill the meter, or fall short of it where a bar may be short."""
        if self.meter is None:
            return True
        return self.duration == self.meter or (self.may_be_short and self.duration < self.meter)


@dataclass(frozen=True, slots=True)
class ParsedTune:
    """A tune read from ABC text. A field that is missing or senseless takes the standard's default and
    leaves a line in `problems`.
    """

    text: str
    headers: tuple[tuple[str, str], ...]
    """(field letter, value), in order, of the tune header."""
    body: str
    """The text after the header."""
    tonic: int
    """Pitch class of the tonic of K:, 0 is C."""
    bars: tuple[Bar, ...]
    problems: tuple[str, ...]
    """What could not be read, a line each."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """Every note as written, in order."""
        return tuple(note for bar in self.bars for note in bar.notes)

    def header(self, field: str) -> str | None:
        """The value of the first header field of this letter, or None."""
        return next((value for name, value in self.headers if name == field), None)
