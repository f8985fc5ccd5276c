"""Structure: do phrases come back, and does the tune end where it should? The target is the corpus."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.tunes import Melody, mean

PHRASE_LAGS = (4, 8, 12, 16)
"""Distances in bars at which folk tunes repeat a phrase."""
_SHUFFLES = 4


def repeats_a_phrase(bars: Sequence[str]) -> list[bool]:
    """For the fifth bar and each later one: whether the bar 4, 8, 12 or 16 before it is the same."""
    first = PHRASE_LAGS[0]
    return [
        any(lag <= place and bars[place - lag] == bars[place] for lag in PHRASE_LAGS)
        for place in range(first, len(bars))
    ]


def lag_repeat(tunes: Sequence[Sequence[str]]) -> float:
    """Share of bars i ≥ 5 equal to bar i - 4, i - 8, i - 12 or i - 16, of all such bars together; in [0, 1].

    `tunes` holds the bar texts of each tune. No tune of five bars: UnmeasurableError.
    """
    hits = [hit for bars in tunes for hit in repeats_a_phrase(bars)]
    return mean(hits, "no tune has five bars")


def distinct_bars(tunes: Sequence[Sequence[str]]) -> float:
    """Different bars / all bars of a tune, in (0, 1]; mean over tunes with a bar. None: UnmeasurableError."""
    return mean([len(set(bars)) / len(bars) for bars in tunes if bars], "no tune has a bar")


def zip_ratios(melodies: Sequence[Melody], seed: int) -> NDArray[np.float64]:
    """zlib(notes) / zlib(the same notes shuffled), in bytes, shape (tunes,); NaN for tunes of one note.

    Notes are written as text, pitch and duration, as in a score. The seed draws the shuffles, the mean of
    four for each tune.
    """
    rng = np.random.default_rng(seed)
    return np.array([_zip_ratio(melody, rng) if len(melody) > 1 else np.nan for melody in melodies])


def zip_ratio(ratios: NDArray[np.float64]) -> float:
    """Mean over tunes, 1 where order holds nothing. No tune of two notes: UnmeasurableError."""
    return mean(ratios[~np.isnan(ratios)], "no tune has two notes")


def tonic_ending(melodies: Sequence[Melody]) -> float:
    """Share of tunes whose last note is the tonic of K:, in [0, 1]. No tunes: UnmeasurableError."""
    endings = [melody.pitches[-1] % 12 == melody.tonic for melody in melodies if len(melody)]
    return mean(endings, "no tune has a note")


def _zip_ratio(melody: Melody, rng: np.random.Generator) -> float:
    pitches, durations = melody.pitches.tolist(), melody.durations.tolist()
    notes = [f"{pitch}:{duration}" for pitch, duration in zip(pitches, durations, strict=True)]
    orders = [rng.permutation(len(notes)).tolist() for _ in range(_SHUFFLES)]
    shuffled = [_zipped([notes[place] for place in order]) for order in orders]
    return _zipped(notes) / (sum(shuffled) / _SHUFFLES)


def _zipped(notes: Sequence[str]) -> int:
    return len(zlib.compress(" ".join(notes).encode("ascii"), 9))
