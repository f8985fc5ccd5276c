"""What the metrics read: tunes as numbers.

A melody is the tune as written: repeats not expanded, tied notes counted one by one, rests left out.
Two notes are *the same pitch* when their MIDI numbers agree, and *the same note* when pitch and duration do.
Everything that counts notes without saying more counts pitches.
"""

import errno
from collections.abc import Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from musicgen.corpus.tunes import identity
from musicgen.notation import ParsedTune, convert, parse_tune
from musicgen.notation.headers import header_field
from musicgen.notation.melodies import Integers, Melody, melody_of, read_melodies

__all__ = [
    "CorpusTune",
    "Integers",
    "Melody",
    "ScoredTune",
    "Tune",
    "UnmeasurableError",
    "mean",
    "read_corpus",
    "read_tunes",
    "with_notes",
]

_NUM_CONVERTERS = 2
"""Programs that run side by side: starting one takes longer than its work."""


class UnmeasurableError(Exception):
    """A metric has no value for these tunes; the message says why, for the reader of a table."""


class Tune(Protocol):
    """What a tune is to those who compare it with others."""

    @property
    def text(self) -> str:
        """Its ABC."""
        ...

    @property
    def melody(self) -> Melody:
        """Its notes."""
        ...

    @property
    def title(self) -> str:
        """Its first T: field, or an empty text."""
        ...


AnyTune = TypeVar("AnyTune", bound=Tune)


@dataclass(frozen=True, slots=True)
class CorpusTune:
    """A tune that others are compared with: text and notes are enough."""

    text: str
    melody: Melody

    @property
    def title(self) -> str:
        """The first T: field, or an empty text."""
        return header_field(self.text, "T") or ""


@dataclass(frozen=True)
class ScoredTune:
    """A tune that was read once, with everything that the metrics ask about it."""

    parsed: ParsedTune
    melody: Melody
    is_ended: bool = True
    """False where sampling stopped at the cap on characters, in the middle of the tune."""
    parses: bool | None = field(default=None, compare=False)
    """The verdict of abc2midi; None where it was not asked."""

    @property
    def text(self) -> str:
        """Its ABC."""
        return self.parsed.text

    @cached_property
    def bars(self) -> tuple[str, ...]:
        """The text of each bar, without white space and decorations."""
        return tuple(bar.text for bar in self.parsed.bars)

    @cached_property
    def identity(self) -> Hashable:
        """Equal for tunes that differ in layout only."""
        return identity(self.parsed.body, self.melody, self.parsed.header("M"))

    @cached_property
    def num_valid_bars(self) -> int:
        """Bars that fill the meter, or fall short of it where they may; M:none lets all pass."""
        is_free = (self.parsed.header("M") or "").strip() == "none"
        return sum(bar.is_valid and (is_free or bar.meter is not None) for bar in self.parsed.bars)

    @property
    def title(self) -> str:
        """The first T: field, or an empty text."""
        return self.parsed.header("T") or ""


def read_corpus(texts: Sequence[str], cache_dir: Path | None = None) -> list[CorpusTune]:
    """Read the tunes of a corpus, in order; from `cache_dir` where the same texts were read before."""
    melodies = read_melodies(texts, cache_dir)
    return [CorpusTune(text, melody) for text, melody in zip(texts, melodies, strict=True)]


def read_tunes(
    texts: Sequence[str], *, ended: Sequence[bool] | None = None, asks_abc2midi: bool | Sequence[bool] = False
) -> list[ScoredTune]:
    """Read ABC texts, one tune each, in order.

    `ended` says for each whether it came to its end (all, if not given). abc2midi costs some milliseconds
    a tune, hence it is asked only on demand: of all tunes, or of those that are marked.
    """
    flags = [True] * len(texts) if ended is None else ended
    asked = [asks_abc2midi] * len(texts) if isinstance(asks_abc2midi, bool) else asks_abc2midi
    with ThreadPoolExecutor(_NUM_CONVERTERS) as pool:
        try:
            verdicts = pool.map(lambda text, is_asked: _parses(text) if is_asked else None, texts, asked)
        except RuntimeError as error:
            # Python's word for a system that has no thread to give.
            raise OSError(errno.EAGAIN, str(error)) from error
        # The threads wait for their programs while the tunes are read here.
        parsed = [parse_tune(text) for text in texts]
        return [
            ScoredTune(tune, melody_of(tune), is_ended, parses)
            for tune, is_ended, parses in zip(parsed, flags, verdicts, strict=True)
        ]


def with_notes(tunes: Iterable[AnyTune]) -> list[AnyTune]:
    """The tunes in which at least one note was found: those that all families but validity look at."""
    return [tune for tune in tunes if len(tune.melody)]


def mean(values: Sequence[float] | NDArray[Any], what_is_missing: str) -> float:
    """The arithmetic mean; raises UnmeasurableError with this reason where there is nothing to average."""
    if not len(values):
        raise UnmeasurableError(what_is_missing)
    return float(np.mean(values))


def _parses(text: str) -> bool:
    return convert(text).parses
