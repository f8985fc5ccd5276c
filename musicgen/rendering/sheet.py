"""A tune as it stands on paper: what spelling, beams, tuplets, slurs, repeat signs and endings it shows."""

from dataclasses import dataclass, field
from fractions import Fraction

from musicgen.notation.key import Key
from musicgen.notation.tokens import SpelledNote


@dataclass(slots=True)
class Event:
    """Notes struck together, or a rest where there are none."""

    notes: tuple[SpelledNote, ...]
    duration: Fraction
    """As the note heads show it, in whole notes: broken rhythm applied, tuplets not."""
    is_invisible: bool = False
    follows_space: bool = True
    """Whether the beam breaks before it."""
    tuplet: tuple[int, int, int] | None = None
    """(which tuplet of the tune, p, q): p notes in the time of q."""
    graces: tuple[SpelledNote, ...] = ()
    ornaments: tuple[str, ...] = ()
    chord_symbol: str | None = None
    tied: bool = False
    slurs_opened: int = 0
    slurs_closed: int = 0


@dataclass(slots=True)
class Measure:
    """What stands between two bar lines."""

    events: list[Event] = field(default_factory=list)
    left_repeat: bool = False
    right: str = "single"
    """A bar line by its MEI name: invis, single, dbl, end or rptend."""
    ending: str | None = None
    """The number of the ending that starts here."""
    key: Key | None = None
    """A new key signature."""
    time_signature: str | None = None
    """A new one: `C`, `C|` or `6/8`; empty for none."""
    starts_line: bool = False


@dataclass(frozen=True, slots=True)
class SheetMusic:
    """A tune to engrave. The first measure carries key and time signature."""

    title: str
    measures: tuple[Measure, ...]
    problems: tuple[str, ...]
