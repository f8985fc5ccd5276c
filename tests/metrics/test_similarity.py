"""Matrices row by row, and what the classifier can see."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from musicgen.metrics import similarity
from musicgen.metrics.tunes import UnmeasurableError
from musicgen.notation.melodies import Melody
from tests.metrics.test_families import profile_of


def test_a_matrix_needs_two_notes_on_both_sides() -> None:
    for ours, theirs in ((["C|"], ["CD|"]), (["CD|"], ["C|"])):
        with pytest.raises(UnmeasurableError, match="no two successive notes"):
            similarity.transition_matrix_divergence(profile_of(*ours), profile_of(*theirs))


def test_a_row_of_the_matrix_is_compared_as_shares() -> None:
    # From C to D in one half, and in all of them.
    ours, corpus = profile_of("CDCECDCE|"), profile_of("CDCD|", "CD|")
    of_c = similarity.transition_matrix_divergence(profile_of("CD|", "CE|"), profile_of("CD|"))
    assert of_c == pytest.approx(1 - 0.75 * math.log2(3) + 0.5)
    # Three of the corpus' four steps leave C, the other leaves D, always for C.
    assert similarity.transition_matrix_divergence(ours, corpus) == pytest.approx(of_c * 3 / 4)


def test_the_auc_looks_at_ten_tunes_a_side_and_as_many_of_both() -> None:
    rng = np.random.default_rng(0)
    low, high = (
        [Melody(rng.integers(start, start + 12, 30), np.ones(30, np.int64), 0) for _ in range(25)]
        for start in (50, 62)
    )
    assert similarity.two_sample_auc(low[:10], high, 0) > 0.9
    for few in (low[:9], []):
        with pytest.raises(UnmeasurableError, match=f"{len(few)} tunes a side, fewer than 10"):
            similarity.two_sample_auc(few, high, 0)
    # Another seed draws others of the larger side, the same one the same.
    mixed = [*low[10:18], *high[:17]]
    assert similarity.two_sample_auc(low[:10], mixed, 1) == similarity.two_sample_auc(low[:10], mixed, 1)
    assert len({similarity.two_sample_auc(low[:10], mixed, seed) for seed in range(5)}) > 1


def test_the_auc_sees_steps_in_whatever_key() -> None:
    """Half steps up and down beside whole ones, from anywhere and with any tonic: nothing else tells them."""
    rng = np.random.default_rng(0)
    ours, theirs = (
        [
            Melody(start + np.tile([0, step], 20), np.ones(40, np.int64), int(tonic))
            for start, tonic in zip(rng.integers(40, 90, 20), rng.integers(0, 12, 20), strict=True)
        ]
        for step in (1, 2)
    )
    assert similarity.two_sample_auc(ours, theirs, 0) > 0.95


@pytest.mark.parametrize(
    ("change", "is_seen"),
    [
        ({"tonic": 7}, True),
        ({"durations": np.full(30, 2)}, True),
        ({"pitches": np.tile([60, 62], 15)}, True),
        ({}, False),
    ],
)
def test_the_auc_sees_keys_durations_and_pitches(change: dict[str, Any], is_seen: bool) -> None:
    rng = np.random.default_rng(0)
    orders = [rng.permutation(np.tile([60, 64, 67], 10)) for _ in range(40)]
    ours, theirs = (
        [replace(Melody(order, np.ones(30, np.int64), 0), **more) for order in part]
        for part, more in ((orders[:20], change), (orders[20:], {}))
    )
    auc = similarity.two_sample_auc(ours, theirs, 0)
    assert auc == 1 if is_seen else 0.2 < auc < 0.8
