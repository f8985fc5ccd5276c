"""How much there is in a tune and in many, counted by hand."""

import math

import numpy as np
import pytest

from musicgen.metrics import diversity
from musicgen.metrics.tunes import UnmeasurableError
from tests.metrics.test_families import melodies_of


def test_pitch_numbers_are_means_over_tunes() -> None:
    some = melodies_of("CEc|", "CCC|", "DE|")
    assert diversity.pitches_used(some) == (3 + 1 + 2) / 3
    assert diversity.pitch_range(some) == (12 + 0 + 2) / 3
    # C twice of three, E once; one pitch class; two of two.
    of_first = -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
    assert diversity.pitch_class_entropy(some) == pytest.approx((of_first + 0 + 1) / 3)
    for function in (diversity.pitches_used, diversity.pitch_range, diversity.pitch_class_entropy):
        with pytest.raises(UnmeasurableError, match="no tune has a note"):
            function([])
    with pytest.raises(UnmeasurableError, match="no tune has a note"):
        diversity.unique_tunes([])


def test_the_budget_cuts_the_tune_in_which_it_is_spent() -> None:
    some = melodies_of("CDEF|", "CDGA|", "Bcd|")
    # Of the first six notes: CD, DE, EF and, within the second tune, CD.
    assert diversity.distinct_ngrams(some, 2, 6) == 3 / 4
    assert diversity.distinct_ngrams(some, 2, 7) == 4 / 5
    assert diversity.distinct_ngrams(some, 1, 11) == 9 / 11
    with pytest.raises(UnmeasurableError, match="11 notes, fewer than the 12 compared everywhere"):
        diversity.distinct_ngrams(some, 2, 12)
    with pytest.raises(UnmeasurableError, match="no tune has 5 notes"):
        diversity.distinct_ngrams(some, 5, 11)


def test_pair_distances_by_hand() -> None:
    # Steps 2 2, 2 -2 and 2 2 1 -1; the longer of two strings is the whole.
    found = diversity.pair_distances(melodies_of("CDE|", "CDC|", "CDEFE|", "C|"))
    assert found[:3, :3] == pytest.approx(np.array([[0, 0.5, 0.5], [0.5, 0, 0.75], [0.5, 0.75, 0]]))
    assert np.isnan(found[3]).all() and np.isnan(found[:, 3]).all()
    assert diversity.pair_distance(found) == pytest.approx((0.5 + 0.5 + 0.75) / 3)
    assert diversity.pair_distance(found[:2, :2]) == 0.5
    with pytest.raises(UnmeasurableError, match="fewer than two tunes have an interval"):
        diversity.pair_distance(found[2:, 2:])
