"""Diversity: how much there is in a tune, and how different the tunes are from one another.

More is not better: noise maximises every one of these. The target is the corpus at the same sample size.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.distributions import entropy_bits, joined, pitch_ngrams
from musicgen.metrics.tunes import Integers, Melody, UnmeasurableError, mean

_NO_TUNES = "no tune has a note"


def pitch_class_entropy(melodies: Sequence[Melody]) -> float:
    """Entropy of the twelve pitch classes of a tune, in bits, 0 to log₂ 12 = 3.58; mean over tunes.

    Source: Wu and Yang, The Jazz Transformer on the Front Line, 2020. No tunes: UnmeasurableError.
    """
    return mean([entropy_bits(np.bincount(melody.pitches % 12)) for melody in melodies], _NO_TUNES)


def pitches_used(melodies: Sequence[Melody]) -> float:
    """Number of different pitches of a tune, 1 to 128; mean over tunes. No tunes: UnmeasurableError."""
    return mean([len(np.unique(melody.pitches)) for melody in melodies], _NO_TUNES)


def pitch_range(melodies: Sequence[Melody]) -> float:
    """Highest less lowest pitch of a tune, in semitones; mean over tunes. No tunes: UnmeasurableError."""
    return mean([int(np.ptp(melody.pitches)) for melody in melodies], _NO_TUNES)


def distinct_ngrams(melodies: Sequence[Melody], n: int, note_budget: int) -> float:
    """Different runs of n pitches / all of them, in (0, 1], over the first `note_budget` notes.

    Runs stay inside a tune. The ratio falls as notes are added, so only values at the same budget compare.
    Fewer notes than the budget: UnmeasurableError. Source: Li et al., A Diversity-Promoting Objective
    Function, 2016 (distinct-n).
    """
    ngrams = joined(pitch_ngrams(part, n) for part in _first_notes(melodies, note_budget))
    if not len(ngrams):
        raise UnmeasurableError(f"no tune has {n} notes")
    return len(np.unique(ngrams)) / len(ngrams)


def unique_tunes(identities: Sequence[Hashable]) -> float:
    """Different tunes / all of them, in (0, 1]; higher is better.

    identities: equal for tunes that differ in layout only (`corpus.tunes.identity`). No tunes:
    UnmeasurableError.
    """
    if not identities:
        raise UnmeasurableError(_NO_TUNES)
    return len(set(identities)) / len(identities)


def pair_distances(melodies: Sequence[Melody]) -> NDArray[np.float64]:
    """Levenshtein distance of two tunes' interval strings over the longer's length, in [0, 1].

    Shape (tunes, tunes); NaN in the rows and columns of tunes of one note, which have no interval.
    """
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    strings = ["".join(map(chr, (256 + melody.intervals).tolist())) for melody in melodies]
    distances = cdist(strings, strings, scorer=Levenshtein.normalized_distance).astype(np.float64)
    has_none = [not string for string in strings]
    distances[has_none, :] = distances[:, has_none] = np.nan
    return distances


def pair_distance(distances: NDArray[np.float64]) -> float:
    """Mean of `pair_distances` over all pairs of tunes, in [0, 1]; 0 where all are transpositions of one.

    Fewer than two tunes with an interval: UnmeasurableError.
    """
    num_tunes = int((~np.isnan(np.diag(distances))).sum())
    if num_tunes < 2:
        raise UnmeasurableError("fewer than two tunes have an interval")
    return float(np.nansum(distances)) / (num_tunes * (num_tunes - 1))


def _first_notes(melodies: Sequence[Melody], note_budget: int) -> list[Integers]:
    """The pitches of the first tunes, cut so that there are exactly `note_budget` of them."""
    parts, left = [], note_budget
    for melody in melodies:
        parts.append(melody.pitches[:left])
        left -= len(parts[-1])
        if left <= 0:
            return parts
    raise UnmeasurableError(f"{note_budget - left} notes, fewer than the {note_budget} compared everywhere")
