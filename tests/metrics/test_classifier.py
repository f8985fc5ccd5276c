"""Logistic regression against scikit-learn on the same data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from musicgen.metrics.classifier import area_under_curve, cross_validated_auc, fit_logistic


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
