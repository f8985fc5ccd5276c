"""Logistic regression against scikit-learn on the same data; gradient boosting in folds of groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from musicgen.metrics.classifier import (
    area_under_curve,
    boosted_auc,
    cross_validated_auc,
    fit_logistic,
    folds_of,
)


def two_clouds(distance: float, size: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Rows of 200 features, like the shares of tunes; the first few differ between the classes."""
    rng = np.random.default_rng(0)
    features = np.abs(rng.normal(size=(2 * size, 200))) / 20
    features[:size, :5] += distance
    return features, np.arange(2 * size) < size


@pytest.mark.parametrize("distance", [0.0, 0.05, 0.3])
def test_the_fit_equals_liblinears(distance: float) -> None:
    features, is_first = two_clouds(distance)
    products = features @ features.T + 1
    other = LogisticRegression(solver="liblinear", tol=1e-8).fit(features, is_first)
    decisions = products @ fit_logistic(products, is_first)
    np.testing.assert_allclose(decisions, other.decision_function(features), atol=1e-4)


@pytest.mark.parametrize("distance", [0.0, 0.05, 0.3])
def test_cross_validation_equals_scikit_learns(distance: float) -> None:
    features, is_first = two_clouds(distance)
    folds = np.tile(np.arange(60) % 5, 2)
    scores = []
    for fold in range(5):
        is_test = folds == fold
        other = LogisticRegression(solver="liblinear", tol=1e-8).fit(features[~is_test], is_first[~is_test])
        scores.append(roc_auc_score(is_first[is_test], other.decision_function(features[is_test])))
    assert cross_validated_auc(features, is_first, folds) == pytest.approx(np.mean(scores), abs=1e-3)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2).filter(
        lambda rows: len({is_first for _, is_first in rows}) == 2
    )
)
def test_the_area_equals_scikit_learns_even_with_ties(rows: list[tuple[int, bool]]) -> None:
    decisions, is_first = (np.array(column) for column in zip(*rows, strict=True))
    area = area_under_curve(decisions.astype(float), is_first)
    assert area == pytest.approx(roc_auc_score(is_first, decisions))


def test_boosting_hears_a_threshold_and_repeats_itself() -> None:
    rng = np.random.default_rng(0)
    features, is_first = rng.normal(size=(200, 6)), np.arange(200) < 100
    folds = np.tile(np.arange(100) % 5, 2)
    assert 0.35 < boosted_auc(features, is_first, folds, 0) < 0.65
    features[is_first, 3] = np.abs(features[is_first, 3]) + 2
    assert boosted_auc(features, is_first, folds, 0) > 0.95
    assert boosted_auc(features, is_first, folds, 0) == boosted_auc(features, is_first, folds, 0)


def test_groups_share_a_fold_and_folds_are_balanced() -> None:
    is_first = np.arange(100) < 50
    groups = [row // 3 for row in range(100)]
    folds = folds_of(groups, is_first, np.random.default_rng(0))
    for group in set(groups):
        assert len({fold for fold, other in zip(folds, groups, strict=True) if other == group}) == 1
    for side in (is_first, ~is_first):
        assert np.ptp(np.bincount(folds[side], minlength=5)) <= 3


def test_a_group_that_is_larger_than_a_fold_is_divided() -> None:
    is_first = np.arange(40) < 20
    folds = folds_of([0] * 20 + list(range(20, 40)), is_first, np.random.default_rng(0))
    assert np.bincount(folds[is_first]).tolist() == np.bincount(folds[~is_first]).tolist() == [4] * 5
