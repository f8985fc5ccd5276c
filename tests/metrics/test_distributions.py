import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, wasserstein_distance

from musicgen.metrics.distributions import Distribution, entropy_bits, pitch_ngrams, wasserstein
from musicgen.metrics.distributions import divergence as divergence_of
from musicgen.metrics.tunes import UnmeasurableError

codes = st.lists(st.integers(-5, 5), min_size=1, max_size=60).map(lambda values: np.array(values, np.int64))


def divergence(ours: np.ndarray, theirs: np.ndarray) -> float:
    return divergence_of(Distribution.of(ours), Distribution.of(theirs))


@given(codes, codes)
def test_divergence_equals_the_square_of_scipys_distance(ours: np.ndarray, theirs: np.ndarray) -> None:
    counts = [np.bincount(side + 5, minlength=11) for side in (ours, theirs)]
    assert divergence(ours, theirs) == pytest.approx(jensenshannon(*counts, base=2) ** 2, abs=1e-12)


@given(codes, codes, st.randoms(use_true_random=False))
def test_divergence_is_bounded_symmetric_and_ignores_order(ours, theirs, random) -> None:
    value = divergence(ours, theirs)
    assert 0 <= value <= 1
    assert divergence(theirs, ours) == pytest.approx(value, abs=1e-12)
    shuffled = ours.tolist()
    random.shuffle(shuffled)
    assert divergence(np.array(shuffled), theirs) == pytest.approx(value, abs=1e-12)
    assert divergence(ours, np.repeat(ours, 3)) == pytest.approx(0, abs=1e-12)


def test_divergence_of_disjoint_samples_is_one() -> None:
    assert divergence(np.array([1, 2]), np.array([3])) == pytest.approx(1)


numbers = st.lists(st.floats(-50, 50), min_size=1, max_size=30)


@given(numbers, numbers)
def test_wasserstein_equals_scipys(ours: list[float], theirs: list[float]) -> None:
    assert wasserstein(ours, theirs) == pytest.approx(wasserstein_distance(ours, theirs), abs=1e-9)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any))
def test_entropy_equals_scipys(counts: list[int]) -> None:
    assert entropy_bits(counts) == pytest.approx(entropy(counts, base=2), abs=1e-12)
    assert entropy_bits(counts) <= math.log2(12) + 1e-12


@given(st.lists(st.integers(0, 127), max_size=40), st.integers(1, 9))
def test_ngram_codes_identify_runs(pitches: list[int], n: int) -> None:
    runs = [tuple(pitches[start : start + n]) for start in range(len(pitches) - n + 1)]
    found = pitch_ngrams(np.array(pitches, np.int64), n)
    assert len(found) == len(runs)
    assert len(set(zip(runs, found.tolist(), strict=True))) == len(set(runs)) == len(set(found.tolist()))


def test_codes_of_known_runs() -> None:
    assert pitch_ngrams(np.array([1, 2, 3]), 2).tolist() == [1 * 128 + 2, 2 * 128 + 3]
    assert pitch_ngrams(np.array([127] * 9), 9).tolist() == [2**63 - 1]
    for n in (0, 10):
        with pytest.raises(AssertionError):
            pitch_ngrams(np.array([1]), n)


def test_counts_of_missing_codes_are_zero() -> None:
    found = Distribution.of(np.array([5, 2, 5]))
    assert (found.codes.tolist(), found.counts.tolist()) == ([2, 5], [1, 2])
    assert found.counts_of(np.array([1, 2, 3, 5, 9])).tolist() == [0, 1, 0, 2, 0]


def test_the_entropy_of_one_outcome_is_positive_zero() -> None:
    assert str(entropy_bits([7])) == str(entropy_bits([0, 3, 0])) == "0.0"
    assert entropy_bits([1, 1]) == 1


def test_an_empty_side_is_unmeasurable() -> None:
    one, none = np.array([1]), np.zeros(0, np.int64)
    for sides in ((one, none), (none, one)):
        with pytest.raises(UnmeasurableError, match="nothing to count in one of the two sets of tunes"):
            divergence(*sides)
        with pytest.raises(UnmeasurableError, match="no tune to compare in one of the two sets"):
            wasserstein(*sides)
