"""Structure: do phrases repeat, do sections end where they should, is the tune in its key?

The target is the corpus. Every value is a mean over tunes, so that an endless tune counts once. All functions
raise UnmeasurableError if no tune has what they measure.
"""

import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.soundness import Judgement, share
from musicgen.metrics.tunes import mean, rate
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
    """Share of bars i ≥ 5 equal to bar i - 4, i - 8, i - 12 or i - 16, in [0, 1]; mean over tunes.

    tunes: the bar texts of each tune; those with fewer than five bars do not count.
    """
    return _mean_known((share(repeats_a_phrase(bars)) for bars in tunes), "no tune has five bars")


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


def tonic_ending(tunes: Sequence[Judgement]) -> float:
    """Share of tunes whose last note is the tonic of the K: in force there, in [0, 1]."""
    return mean([tune.ends_on_tonic for tune in tunes if tune.has_notes], "no tune has a note")


def section_tonic_endings(tunes: Sequence[Judgement]) -> float:
    """Share of a tune's sections that end on the tonic of the K: in force there; mean over tunes."""
    return _mean_known(tune.section_tonic_endings for tune in tunes)


def section_ends_that_fit(tunes: Sequence[Judgement]) -> float:
    """Share of a tune's sections whose last bar fits the pickup that follows; mean over tunes.

    It fits if it is full, or short by exactly that pickup: that of the section itself if it is repeated, of
    the next one otherwise, and of the first after the last.
    """
    return _mean_known(share(tune.section_ends_that_fit) for tune in tunes)


def form(tunes: Sequence[Judgement], num_requested: int) -> float:
    """Tunes of two sections or more, all of 8 or 16 bars, / requested tunes."""
    return rate(sum(tune.has_form for tune in tunes), num_requested)


def downbeat_triad(tunes: Sequence[Judgement]) -> float:
    """Share of a tune's full bars that begin with the 1st, 3rd or 5th of their key; mean over tunes."""
    return _mean_known(tune.downbeat_triad for tune in tunes)


def key_found(tunes: Sequence[Judgement]) -> float:
    """Share of tunes in which the tonic found from the notes is that of K:, by Krumhansl's profiles."""
    return _mean_known(tune.is_in_its_key for tune in tunes)


def commonest_rhythm(tunes: Sequence[Judgement]) -> float:
    """Share of the commonest bar rhythm (the durations of the notes) among a tune's bars; mean over tunes."""
    return _mean_known(tune.commonest_rhythm for tune in tunes)


def _mean_known(
    values: Iterable[float | None], reason_if_empty: str = "no tune has a bar to measure"
) -> float:
    return mean([value for value in values if value is not None], reason_if_empty)


def _zip_ratio(melody: Melody, rng: np.random.Generator) -> float:
    pitches, durations = melody.pitches.tolist(), melody.durations.tolist()
    notes = [f"{pitch}:{duration}" for pitch, duration in zip(pitches, durations, strict=True)]
    orders = [rng.permutation(len(notes)).tolist() for _ in range(_SHUFFLES)]
    shuffled = [_zipped([notes[place] for place in order]) for order in orders]
    return _zipped(notes) / (sum(shuffled) / _SHUFFLES)


def _zipped(notes: Sequence[str]) -> int:
    return len(zlib.compress(" ".join(notes).encode("ascii"), 9))
