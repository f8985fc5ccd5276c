"""Counts of things and the distance between two distributions of them.

Things are int64 codes. A distribution is a pair of arrays: the codes, sorted and distinct, and their counts.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.melody import Integers, UnmeasurableError

_PITCH_BITS = 7
LONGEST_NGRAM = 9
"""Pitches of 7 bits: nine of them fit a 63-bit code without loss."""


def pitch_ngrams(pitches: Integers, n: int) -> Integers:
    """One code for each run of n pitches, shape (max(notes - n + 1, 0),); equal codes are equal runs."""
    assert 1 <= n <= LONGEST_NGRAM
    count = max(len(pitches) - n + 1, 0)
    codes = np.zeros(count, np.int64)
    for offset in range(n):
        codes = codes << _PITCH_BITS | pitches[offset : offset + count]
    return codes


def joined(sequences: Iterable[Integers]) -> Integers:
    """The codes of all tunes one after the other; an empty array for no tunes."""
    parts = list(sequences)
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def divergence(ours: Integers, theirs: Integers) -> float:
    """Jensen–Shannon divergence of two samples of codes, base 2.

    ½ KL(p ‖ m) + ½ KL(q ‖ m) with m = (p + q) / 2, in [0, 1]; symmetric; 0 for equal distributions. It is
    the square of what scipy calls jensenshannon. Source: Lin, Divergence Measures Based on the Shannon
    Entropy, 1991. Raises UnmeasurableError for an empty sample.
    """
    p, q = _shares(ours, theirs)
    return jensen_shannon(p, q)


def jensen_shannon(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """The divergence of two probability vectors over the same outcomes, base 2, in [0, 1]."""
    middle = (p + q) / 2
    value = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return min(max(value, 0.0), 1.0)


def entropy_bits(counts: Sequence[int] | NDArray[np.int64]) -> float:
    """Shannon entropy −Σ p log₂ p of counts, in bits; 0 for a single outcome. Counts must not all be 0."""
    shares = np.asarray(counts, np.float64)
    shares = shares[shares > 0] / shares.sum()
    return max(float(-(shares * np.log2(shares)).sum()), 0.0)


def _shares(ours: Integers, theirs: Integers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not len(ours) or not len(theirs):
        raise UnmeasurableError("nothing to count in one of the two sets of tunes")
    outcomes, inverse = np.unique(np.concatenate([ours, theirs]), return_inverse=True)
    first = np.bincount(inverse[: len(ours)], minlength=len(outcomes))
    second = np.bincount(inverse[len(ours) :], minlength=len(outcomes))
    return first / len(ours), second / len(theirs)


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    present = p > 0
    return float((p[present] * np.log2(p[present] / q[present])).sum())
