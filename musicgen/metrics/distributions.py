"""Counts of categorical values, and distances between two distributions.

Categories are int64 codes: pitches, runs of pitches, durations, intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from musicgen.metrics.tunes import UnmeasurableError
from musicgen.notation.melodies import Integers

_PITCH_BITS = 7
MAX_NGRAM = 9
"""Nine pitches of 7 bits fit into a 63-bit code."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Number of occurrences of each code; arrays of shape (distinct codes,)."""

    codes: Integers
    """Sorted and distinct."""
    counts: Integers

    @classmethod
    def of(cls, sample: Integers) -> "Distribution":
        """Count the codes of a sample."""
        return cls(*np.unique(sample, return_counts=True))

    def without(self, part: "Distribution") -> "Distribution":
        """The distribution of the rest of the sample, of which `part` is that of some elements."""
        counts = self.counts - part.counts_of(self.codes)
        return Distribution(self.codes[counts > 0], counts[counts > 0])

    def counts_of(self, codes: Integers) -> Integers:
        """Counts of the given codes: sorted, distinct, and a superset of the distribution's."""
        counts = np.zeros(len(codes), np.int64)
        counts[np.searchsorted(codes, self.codes)] = self.counts
        return counts


def pitch_ngrams(pitches: Integers, n: int) -> Integers:
    """A code for each run of n pitches, shape (max(notes - n + 1, 0),); equal codes mean equal runs."""
    assert 1 <= n <= MAX_NGRAM
    count = max(len(pitches) - n + 1, 0)
    codes = np.zeros(count, np.int64)
    for offset in range(n):
        codes = codes << _PITCH_BITS | pitches[offset : offset + count]
    return codes


def divergence(ours: Distribution, theirs: Distribution) -> float:
    """Jensen–Shannon divergence, base 2: ½ KL(p ‖ m) + ½ KL(q ‖ m) with m = (p + q) / 2.

    In [0, 1], symmetric, 0 for equal distributions; the square of scipy's jensenshannon. Source: Lin,
    Divergence Measures Based on the Shannon Entropy, 1991. Raises UnmeasurableError for an empty
    distribution.
    """
    if not len(ours.codes) or not len(theirs.codes):
        raise UnmeasurableError("nothing to count in one of the two sets of tunes")
    codes = np.union1d(ours.codes, theirs.codes)
    p, q = ours.counts_of(codes), theirs.counts_of(codes)
    return jensen_shannon(p / p.sum(), q / q.sum())


def jensen_shannon(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Jensen–Shannon divergence of two probability vectors over the same outcomes, base 2, in [0, 1]."""
    middle = (p + q) / 2
    value = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return min(max(value, 0.0), 1.0)


def wasserstein(ours: ArrayLike, theirs: ArrayLike) -> float:
    """Wasserstein-1 distance of two samples of numbers, in their unit.

    The area between the two cumulative distribution functions. Source: Vallender, Calculation of the
    Wasserstein Distance between Probability Distributions on the Line, 1974. Raises UnmeasurableError for an
    empty sample.
    """
    samples = [np.sort(np.asarray(side, np.float64)) for side in (ours, theirs)]
    if not all(map(len, samples)):
        raise UnmeasurableError("no tune to compare in one of the two sets")
    places = np.sort(np.concatenate(samples))
    below, below_theirs = (np.searchsorted(side, places[:-1], side="right") / len(side) for side in samples)
    return float(np.abs(below - below_theirs) @ np.diff(places))


def entropy_bits(counts: Sequence[int] | NDArray[np.int64]) -> float:
    """Shannon entropy −Σ p log₂ p of counts, in bits; 0 for a single outcome. Some count must be positive."""
    shares = np.asarray(counts, np.float64)
    shares = shares[shares > 0] / shares.sum()
    # The sum is never positive; abs also turns the -0.0 of a single outcome into 0.0.
    return abs(float((shares * np.log2(shares)).sum()))


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    present = p > 0
    return float((p[present] * np.log2(p[present] / q[present])).sum())
