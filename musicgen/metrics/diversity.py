"""Diversity: how varied a tune is, and how much the tunes differ from each other.

Higher is not better, since noise maximises all of these. The target is the corpus at the same sample size.
All metrics raise UnmeasurableError for no tunes.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.distributions import entropy_bits, pitch_ngrams
from musicgen.metrics.tunes import UnmeasurableError, mean
from musicgen.notation.melodies import Integers, Melody

_NO_TUNES = "no tune has a note"


def pitch_class_entropy(melodies: Sequence[Melody]) -> float:
    """Entropy of the pitch classes of a tune, in bits, in [0, log₂ 12 = 3.58]; mean over tunes.

    Source: Wu and Yang, The Jazz Transformer on the Front Line, 2020.
    """
    return mean([entropy_bits(np.bincount(melody.pitches % 12)) for melody in melodies], _NO_TUNES)


def pitches_used(melodies: Sequence[Melody]) -> float:
    """Number of different pitches of a tune, 1 to 128; mean over tunes."""
    return mean([len(np.unique(melody.pitches)) for melody in melodies], _NO_TUNES)


def pitch_range(melodies: Sequence[Melody]) -> float:
    """Highest minus lowest pitch of a tune, in semitones; mean over tunes."""
    return mean([int(np.ptp(melody.pitches)) for melody in melodies], _NO_TUNES)


def distinct_ngrams(melodies: Sequence[Melody], n: int, note_budget: int) -> float:
    """Distinct-n: different / all runs of n pitches in the first `note_budget` notes, in (0, 1].

    Runs do not cross tunes. The ratio falls with the number of notes, so only values at the same budget are
    comparable. Source: Li et al., A Diversity-Promoting Objective Function, 2016. Raises UnmeasurableError
    for fewer notes than the budget.
    """
    ngrams = np.concatenate([pitch_ngrams(part, n) for part in _first_notes(melodies, note_budget)])
    if not len(ngrams):
        raise UnmeasurableError(f"no tune has {n} notes")
    return len(np.unique(ngrams)) / len(ngrams)


def unique_tunes(identities: Sequence[Hashable]) -> float:
    """Different / all tunes, in (0, 1]; higher is better.

    identities: equal for tunes that differ only in layout (`corpus.tunes.identity`).
    """
    if not identities:
        raise UnmeasurableError(_NO_TUNES)
    return len(set(identities)) / len(identities)


def pair_distances(melodies: Sequence[Melody]) -> NDArray[np.float64]:
    """Levenshtein distances of all pairs of interval strings / length of the longer string, in [0, 1].

    Shape (tunes, tunes). Rows and columns of tunes with a single note, which have no interval, are NaN.
    """
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    strings = ["".join(map(chr, (256 + melody.intervals).tolist())) for melody in melodies]
    distances = cdist(strings, strings, scorer=Levenshtein.normalized_distance).astype(np.float64)
    has_none = [not string for string in strings]
    distances[has_none, :] = distances[:, has_none] = np.nan
    return distances


def pair_distance(distances: NDArray[np.float64]) -> float:
    """Mean of `pair_distances` over all pairs of tunes, in [0, 1]; 0 if all are transpositions of one tune.

    Raises UnmeasurableError for fewer than two tunes with an interval.
    """
    num_tunes = int((~np.isnan(np.diag(distances))).sum())
    if num_tunes < 2:
        raise UnmeasurableError("fewer than two tunes have an interval")
    return float(np.nansum(distances)) / (num_tunes * (num_tunes - 1))


def _first_notes(melodies: Sequence[Melody], note_budget: int) -> list[Integers]:
    """The pitches of the first tunes, exactly `note_budget` in total."""
    parts, left = [], note_budget
    for melody in melodies:
        parts.append(melody.pitches[:left])
        left -= len(parts[-1])
        if left <= 0:
            return parts
    raise UnmeasurableError(f"{note_budget - left} notes, fewer than the note budget of {note_budget}")
