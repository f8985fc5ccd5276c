import math

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import entropy

from musicgen.metrics import diversity
from musicgen.metrics.tunes import UnmeasurableError, read_tunes
from musicgen.notation.melodies import Melody
from tests.metrics.made_tunes import melodies_of, random_melodies, tunes_of


@given(random_melodies)
def test_entropy_agrees_with_scipy(some: list[Melody]) -> None:
    expected = np.mean([entropy(np.bincount(one.pitches % 12, minlength=12), base=2) for one in some])
    value = diversity.pitch_class_entropy(some)
    assert value == pytest.approx(expected, abs=1e-9)
    assert 0 <= value <= math.log2(12) + 1e-9


def test_pitch_metrics_are_means_over_tunes() -> None:
    some = melodies_of("CEc|", "CCC|", "DE|")
    assert diversity.pitches_used(some) == (3 + 1 + 2) / 3
    assert diversity.pitch_range(some) == (12 + 0 + 2) / 3
    # First tune: C twice, E once. Second: one pitch class. Third: two of two.
    first = -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
    assert diversity.pitch_class_entropy(some) == pytest.approx((first + 0 + 1) / 3)


@pytest.mark.parametrize(
    "function",
    [diversity.pitches_used, diversity.pitch_range, diversity.pitch_class_entropy, diversity.unique_tunes],
)
def test_no_tunes_are_unmeasurable(function) -> None:
    with pytest.raises(UnmeasurableError, match="no tune has a note"):
        function([])


@pytest.mark.parametrize(
    ("bodies", "n", "budget", "expected"),
    [
        (("CDEF|", "CDEF|"), 2, 8, 0.5),
        (("CDEF|", "CDEF|"), 2, 6, 3 / 4),
        (("CDEF|", "CDEF|"), 2, 4, 1),
        (("CCCC|CCCC|",), 4, 8, 1 / 5),
        # First six notes: CD, DE, EF and, in the second tune, CD.
        (("CDEF|", "CDGA|", "Bcd|"), 2, 6, 3 / 4),
        (("CDEF|", "CDGA|", "Bcd|"), 2, 7, 4 / 5),
        (("CDEF|", "CDGA|", "Bcd|"), 1, 11, 9 / 11),
    ],
)
def test_distinct_counts_runs_within_tunes_and_budget(bodies, n: int, budget: int, expected: float) -> None:
    assert diversity.distinct_ngrams(melodies_of(*bodies), n, budget) == expected


def test_distinct_needs_the_budget_and_a_run() -> None:
    some = melodies_of("CDEF|", "CDGA|", "Bcd|")
    with pytest.raises(UnmeasurableError, match="11 notes, fewer than the note budget of 12"):
        diversity.distinct_ngrams(some, 2, 12)
    with pytest.raises(UnmeasurableError, match="no tune has 5 notes"):
        diversity.distinct_ngrams(some, 5, 11)


def test_layout_does_not_make_a_tune_unique_but_the_key_does() -> None:
    alike = tunes_of("CD EF|!\nGABc|", "CDEF|\nGABc |", "C")
    assert diversity.unique_tunes([tune.identity for tune in alike]) == 2 / 3
    headers = ("M:4/4\nL:1/4\nK:C", "M:C\nL:1/4\nK:C", "M:4/4\nL:1/4\nK:G", "M:2/4\nL:1/8\nK:C")
    tunes = read_tunes([f"X:1\n{header}\nCDEF|" for header in headers])
    assert diversity.unique_tunes([tune.identity for tune in tunes]) == 3 / 4


def test_pair_distances_by_hand() -> None:
    # Intervals 2 2, 2 -2 and 2 2 1 -1; the denominator is the longer length.
    found = diversity.pair_distances(melodies_of("CDE|", "CDC|", "CDEFE|", "C|"))
    assert found[:3, :3] == pytest.approx(np.array([[0, 0.5, 0.5], [0.5, 0, 0.75], [0.5, 0.75, 0]]))
    assert np.isnan(found[3]).all() and np.isnan(found[:, 3]).all()
    assert diversity.pair_distance(found) == pytest.approx((0.5 + 0.5 + 0.75) / 3)
    assert diversity.pair_distance(found[:2, :2]) == 0.5
    transposed = diversity.pair_distances(melodies_of("CDEC|", "GABG|"))
    assert diversity.pair_distance(transposed) == 0
    with pytest.raises(UnmeasurableError, match="fewer than two tunes have an interval"):
        diversity.pair_distance(found[2:, 2:])
