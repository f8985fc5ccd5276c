"""What the metrics read: tunes as numbers.

A melody is the tune as written: repeats not expanded, tied notes counted one by one, rests left out.
Two notes are *the same pitch* when their MIDI numbers agree, and *the same note* when pitch and duration do.
Everything that counts notes without saying more counts pitches.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musicgen.notation import ParsedTune, convert, parse_tune

Integers = NDArray[np.int64]

_DURATION_LIMIT = 2**20


class UnmeasurableError(Exception):
    """A metric has no value for these tunes; the message says why, for the reader of a table."""


@dataclass(frozen=True, slots=True)
class Melody:
    """The notes of one tune, each array of shape (notes,)."""

    pitches: Integers
    """MIDI numbers, 0 to 127."""
    durations: Integers
    """One code for each duration, equal where the durations are: numerator · 2²⁰ + denominator."""
    tonic: int
    """Pitch class of the tonic of K:, 0 is C."""

    @property
    def intervals(self) -> Integers:
        """Semitones from each note to the next, shape (notes - 1,)."""
        return np.diff(self.pitches)

    def __len__(self) -> int:
        return len(self.pitches)


@dataclass(frozen=True, slots=True)
class ScoredTune:
    """A tune that was read once, with everything that the metrics ask about it."""

    parsed: ParsedTune
    melody: Melody
    is_ended: bool = True
    """False where sampling stopped at the cap on characters, in the middle of the tune."""
    parses: bool | None = field(default=None, compare=False)
    """The verdict of abc2midi; None where it was not asked."""

    @property
    def bars(self) -> tuple[str, ...]:
        """The text of each bar, without white space and decorations."""
        return tuple(bar.text for bar in self.parsed.bars)

    @property
    def title(self) -> str:
        """The first T: field, or an empty text."""
        return self.parsed.header("T") or ""


def read_melody(parsed: ParsedTune) -> Melody:
    """The numbers of a parsed tune."""
    notes = parsed.notes
    pitches = np.fromiter((note.pitch for note in notes), np.int64, len(notes))
    durations = np.fromiter((_duration_code(note.duration) for note in notes), np.int64, len(notes))
    return Melody(pitches, durations, parsed.tonic)


def read_tunes(
    texts: Sequence[str],
    *,
    ended: Sequence[bool] | None = None,
    asks_abc2midi: bool = False,
) -> list[ScoredTune]:
    """Read ABC texts, one tune each, in order.

    `ended` says for each whether it came to its end (all, if not given). abc2midi costs some milliseconds
    a tune, hence it is asked only on demand.
    """
    flags: Iterable[bool] = ended if ended is not None else [True] * len(texts)
    return [
        _read_tune(text, is_ended, convert if asks_abc2midi else None)
        for text, is_ended in zip(texts, flags, strict=True)
    ]


def with_notes(tunes: Iterable[ScoredTune]) -> list[ScoredTune]:
    """The tunes in which at least one note was found: those that all families but validity look at."""
    return [tune for tune in tunes if len(tune.melody)]


def mean(values: Sequence[float] | NDArray[Any], what_is_missing: str) -> float:
    """The arithmetic mean; raises UnmeasurableError with this reason where there is nothing to average."""
    if not len(values):
        raise UnmeasurableError(what_is_missing)
    return float(np.mean(values))


def _read_tune(text: str, is_ended: bool, converter: Callable[[str], Any] | None) -> ScoredTune:
    parsed = parse_tune(text)
    parses = None if converter is None else bool(converter(text).parses)
    return ScoredTune(parsed, read_melody(parsed), is_ended, parses)


def _duration_code(duration: Fraction) -> int:
    """Exact for every duration of real music; hostile fractions wrap around and stay integers."""
    return duration.numerator % _DURATION_LIMIT * _DURATION_LIMIT + duration.denominator % _DURATION_LIMIT
