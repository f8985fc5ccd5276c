"""A tune as sheet music: spelling, beams, tuplets, slurs, repeat signs and endings."""

from dataclasses import dataclass, field
from fractions import Fraction

from musicgen.notation.key import Key
from musicgen.notation.tokens import SpelledNote, Spelling


@dataclass(slots=True)
class Event:
    """A note, a chord, or a rest if `notes` is empty."""

    notes: tuple[SpelledNote, ...]
    duration: Fraction
    """As shown by the note heads, in whole notes: with broken rhythm, without tuplets."""
    is_invisible: bool = False
    follows_space: bool = True
    """Whether the beam breaks before it."""
    tuplet: tuple[int, int, int] | None = None
    """(number of the tuplet in the tune, p, q): p notes in the time of q."""
    graces: tuple[SpelledNote, ...] = ()
    ornaments: tuple[str, ...] = ()
    chord_symbol: str | None = None
    tied: frozenset[Spelling] = frozenset()
    """Notes with a tie to the next event."""
    slurs_opened: int = 0
    slurs_closed: int = 0


@dataclass(slots=True)
class Measure:
    """The events between two bar lines."""

    events: list[Event] = field(default_factory=list)
    left_repeat: bool = False
    right: str = "single"
    """The MEI name of the bar line: invis, single, dbl, end or rptend."""
    ending: str | None = None
    """Number of the ending that starts here."""
    key: Key | None = None
    """New key signature."""
    time_signature: str | None = None
    """New time signature: `C`, `C|` or `6/8`; "" for free meter."""
    starts_line: bool = False


@dataclass(frozen=True, slots=True)
class SheetMusic:
    """A tune to engrave. The first measure has the key and time signature."""

    title: str
    measures: tuple[Measure, ...]
    problems: tuple[str, ...]
