"""Structure: do phrases repeat, and does the tune end on the tonic? The target is the corpus."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.tunes import mean
from musicgen.notation.melodies import Melody

PHRASE_LAGS = (4, 8, 12, 16)
"""Distances in bars at which folk tunes repeat phrases."""
_SHUFFLES = 4


def repeats_a_phrase(bars: Sequence[str]) -> list[bool]:
    """For each bar from the fifth: whether it equals the bar 4, 8, 12 or 16 bars before."""
    first = PHRASE_LAGS[0]
    return [
        any(lag <= place and bars[place - lag] == bars[place] for lag in PHRASE_LAGS)
        for place in range(first, len(bars))
    ]


def lag_repeat(tunes: Sequence[Sequence[str]]) -> float:
    """Share of bars i ≥ 5 equal to bar i - 4, i - 8, i - 12 or i - 16, over all tunes, in [0, 1].

    tunes: the bar texts of each tune. Raises UnmeasurableError if no tune has five bars.
    """
    hits = [hit for bars in tunes for hit in repeats_a_phrase(bars)]
    return mean(hits, "no tune has five bars")


def distinct_bars(tunes: Sequence[Sequence[str]]) -> float:
    """Different / all bars of a tune, in (0, 1]; mean over tunes with a bar, or UnmeasurableError."""
    return mean([len(set(bars)) / len(bars) for bars in tunes if bars], "no tune has a bar")


def zip_ratios(melodies: Sequence[Melody], seed: int) -> NDArray[np.float64]:
    """zlib(notes) / zlib(the same notes shuffled), sizes in bytes, shape (tunes,); NaN for tunes of one note.

    Notes are compressed as text with pitch and duration. The denominator is the mean of four shuffles.
    """
    rng = np.random.default_rng(seed)
    return np.array([_zip_ratio(melody, rng) if len(melody) > 1 else np.nan for melody in melodies])


def zip_ratio(ratios: NDArray[np.float64]) -> float:
    """Mean of `zip_ratios`; 1 for notes without order. UnmeasurableError if no tune has two notes."""
    return mean(ratios[~np.isnan(ratios)], "no tune has two notes")


def tonic_ending(melodies: Sequence[Melody]) -> float:
    """Share of tunes whose last note is the tonic of K:, in [0, 1]. UnmeasurableError without notes."""
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
