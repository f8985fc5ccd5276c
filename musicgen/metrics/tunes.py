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
from typing import Any, TypeVar

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


@dataclass(frozen=True)
class Tune:
    """A tune to compare others with, without its parse: those of a whole corpus would fill the memory."""

    text: str
    """Its ABC text."""
    melody: Melody

    @property
    def title(self) -> str:
        """The first T: field; "" without one."""
        return header_field(self.text, "T") or ""

    @cached_property
    def features(self) -> NDArray[np.float64]:
        """What the musical two-sample test reads of it, shape (features,)."""
        return musical_features(Judgement(parse_tune(self.text), reached_end=True))


AnyTune = TypeVar("AnyTune", bound=Tune)


@dataclass(frozen=True)
class ScoredTune(Tune):
    """A tune with its parse and everything else that the metrics need."""

    parsed: ParsedTune
    is_ended: bool = True
    """False if sampling stopped at the cap on characters."""
    parses: bool | None = field(default=None, compare=False)
    """Whether abc2midi reads it without an error; None if it was not run."""

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

    @cached_property
    def features(self) -> NDArray[np.float64]:
        """What the musical two-sample test reads of it, shape (features,)."""
        return musical_features(self.judgement)

    @property
    def num_valid_bars(self) -> int:
        """Bars that fill the meter, or fall short of it where they may. In M:none all bars are valid."""
        return len(self.parsed.bars) - len(self.judgement.wrong_bars)


def read_corpus(texts: Sequence[str], cache_dir: Path | None = None) -> list[Tune]:
    """Read the tunes of a corpus, in order. `cache_dir`, if given, caches their melodies."""
    melodies = read_melodies(texts, cache_dir)
    return [Tune(text, melody) for text, melody in zip(texts, melodies, strict=True)]


def read_tunes(
    texts: Sequence[str], *, ended: Sequence[bool] | None = None, runs_abc2midi: bool = False
) -> list[ScoredTune]:
    """Read ABC texts, one tune each, in order.

    ended: for each tune, whether it ended before the cap on characters; default: all did. runs_abc2midi:
    whether to run it, which takes some milliseconds per tune.
    """
    flags = [True] * len(texts) if ended is None else ended
    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        with starting_threads():
            verdicts = pool.map(lambda text: convert(text).parses if runs_abc2midi else None, texts)
        # Parse here while the threads wait for their processes.
        parsed = [parse_tune(text) for text in texts]
        return [
            ScoredTune(tune.text, melody_of(tune), tune, is_ended, parses)
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
