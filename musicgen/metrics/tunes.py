"""The tunes that metrics measure, as numbers.

A melody is the tune as written: repeats are not expanded, tied notes count separately, rests are left out.
Notes have *the same pitch* if their MIDI numbers are equal, and are *the same note* if pitch and duration
are.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from musicgen.corpus.tunes import identity
from musicgen.metrics.features import musical_features
from musicgen.metrics.soundness import Judgement
from musicgen.notation import ParsedTune, convert, parse_tune
from musicgen.notation.headers import header_field
from musicgen.notation.melodies import Melody, melody_of, read_melodies
from musicgen.system.limits import starting_threads

_NUM_THREADS = 2
"""Concurrent abc2midi processes. Starting one takes longer than its work."""


class UnmeasurableError(Exception):
    """A metric has no value for these tunes. The message gives the reason, as shown in tables."""


class Tune(Protocol):
    """A tune in a comparison."""

    @property
    def text(self) -> str:
        """Its ABC text."""
        ...

    @property
    def melody(self) -> Melody:
        """Its notes."""
        ...

    @property
    def title(self) -> str:
        """Its first T: field; "" without one."""
        ...

    @property
    def features(self) -> NDArray[np.float64]:
        """Its musical features, shape (features,)."""
        ...


AnyTune = TypeVar("AnyTune", bound=Tune)


@dataclass(frozen=True)
class CorpusTune:
    """A tune that others are compared with."""

    text: str
    melody: Melody

    @property
    def title(self) -> str:
        """The first T: field; "" without one."""
        return header_field(self.text, "T") or ""

    @property
    def features(self) -> NDArray[np.float64]:
        """What the musical two-sample test reads of it."""
        return self._features

    @cached_property
    def _features(self) -> NDArray[np.float64]:
        return musical_features(Judgement(parse_tune(self.text), reached_end=True))


@dataclass(frozen=True)
class ScoredTune:
    """A parsed tune with everything that the metrics need."""

    parsed: ParsedTune
    melody: Melody
    is_ended: bool = True
    """False if sampling stopped at the cap on characters."""
    parses: bool | None = field(default=None, compare=False)
    """Whether abc2midi reads it without an error; None if it was not run."""

    @property
    def text(self) -> str:
        """The ABC text."""
        return self.parsed.text

    @cached_property
    def bars(self) -> tuple[str, ...]:
        """The text of each bar, without white space and decorations."""
        return tuple(bar.text for bar in self.parsed.bars)

    @cached_property
    def identity(self) -> bytes:
        """Equal for tunes that differ only in layout."""
        return identity(self.parsed.body, self.melody, self.parsed.header("M"))

    @cached_property
    def judgement(self) -> Judgement:
        """What a musician would say of it."""
        return Judgement(self.parsed, self.is_ended)

    @property
    def features(self) -> NDArray[np.float64]:
        """What the musical two-sample test reads of it."""
        return self._features

    @cached_property
    def _features(self) -> NDArray[np.float64]:
        return musical_features(self.judgement)

    @property
    def num_valid_bars(self) -> int:
        """Bars that fill the meter, or fall short of it where they may. In M:none all bars are valid."""
        return len(self.parsed.bars) - len(self.judgement.wrong_bars)

    @property
    def title(self) -> str:
        """The first T: field; "" without one."""
        return self.parsed.header("T") or ""


def read_corpus(texts: Sequence[str], cache_dir: Path | None = None) -> list[CorpusTune]:
    """Read the tunes of a corpus, in order. `cache_dir`, if given, caches their melodies."""
    melodies = read_melodies(texts, cache_dir)
    return [CorpusTune(text, melody) for text, melody in zip(texts, melodies, strict=True)]


def read_tunes(
    texts: Sequence[str], *, ended: Sequence[bool] | None = None, runs_abc2midi: bool | Sequence[bool] = False
) -> list[ScoredTune]:
    """Read ABC texts, one tune each, in order.

    ended: for each tune, whether it ended before the cap on characters; default: all did. runs_abc2midi: for
    all tunes, or for each; it takes some milliseconds per tune.
    """
    flags = [True] * len(texts) if ended is None else ended
    converts = [runs_abc2midi] * len(texts) if isinstance(runs_abc2midi, bool) else runs_abc2midi
    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        with starting_threads():
            verdicts = pool.map(lambda text, runs: convert(text).parses if runs else None, texts, converts)
        # Parse here while the threads wait for their processes.
        parsed = [parse_tune(text) for text in texts]
        return [
            ScoredTune(tune, melody_of(tune), is_ended, parses)
            for tune, is_ended, parses in zip(parsed, flags, verdicts, strict=True)
        ]


def with_notes(tunes: Iterable[AnyTune]) -> list[AnyTune]:
    """The tunes with at least one note, which all families except validity measure."""
    return [tune for tune in tunes if len(tune.melody)]


def rate(passed: int, num_requested: int) -> float:
    """The share of the requested tunes that pass. Raises UnmeasurableError if none was requested."""
    if num_requested < 1:
        raise UnmeasurableError("no tune was requested")
    return passed / num_requested


def mean(values: Sequence[float] | NDArray[Any], reason_if_empty: str) -> float:
    """The arithmetic mean. Raises UnmeasurableError with this reason for no values."""
    if not len(values):
        raise UnmeasurableError(reason_if_empty)
    return float(np.mean(values))
