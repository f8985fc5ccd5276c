"""How well a classifier separates two classes, by cross-validation: logistic regression, gradient boosting.

The regression has an intercept and is regularised like scikit-learn's `liblinear` at C = 1, including the
intercept: it minimises ½ w·w + Σ ln(1 + exp(-y (w·x))), with a 1 appended to x. There are fewer tunes than
features, so it solves the dual problem: w = Σ a_i x_i, with decisions K a, where K has the inner products of
all pairs of rows. The solver is Newton's method with the step of Rasmussen and Williams, Gaussian Processes
for Machine Learning, 2006, algorithm 3.1, which never divides by a small number.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NUM_FOLDS = 5
_NUM_TREES = 50
_MAX_LEAVES = 6
_MIN_LEAF = 5
_MAX_STEPS = 50
_TOLERANCE = 1e-3
"""Largest change of a decision at convergence. Convergence is quadratic, so the error is then about 10⁻⁶."""


def cross_validated_auc(features: Floats, is_first: NDArray[np.bool_], folds: NDArray[np.int64]) -> float:
    """Area under the ROC curve of each fold, classified by a model of the other folds; mean over folds.

    features: shape (rows, features); is_first: the class of each row; folds: the fold of each row, from 0.
    Every fold must have rows of both classes.
    """
    products = features @ features.T + 1
    scores = []
    for fold in range(int(folds.max()) + 1):
        is_test = folds == fold
        weights = fit_logistic(products[np.ix_(~is_test, ~is_test)], is_first[~is_test])
        decisions = products[np.ix_(is_test, ~is_test)] @ weights
        scores.append(area_under_curve(decisions, is_first[is_test]))
    return float(np.mean(scores))


def boosted_auc(features: Floats, is_first: NDArray[np.bool_], folds: NDArray[np.int64], seed: int) -> float:
    """The same as `cross_validated_auc` by gradient boosting, for few features of any scale."""
    # Importing scikit-learn takes more than a second.
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    scores = []
    # With this few rows, a second thread gains nothing.
    with threadpool_limits(1, "openmp"):
        for fold in range(int(folds.max()) + 1):
            is_test = folds == fold
            model = HistGradientBoostingClassifier(
                max_iter=_NUM_TREES, max_leaf_nodes=_MAX_LEAVES, min_samples_leaf=_MIN_LEAF, random_state=seed
            )
            model.fit(features[~is_test], is_first[~is_test])
            decisions = np.asarray(model.decision_function(features[is_test]))
            scores.append(area_under_curve(decisions, is_first[is_test]))
    return float(np.mean(scores))


def folds_of(
    groups: Sequence[int], is_first: NDArray[np.bool_], generator: np.random.Generator
) -> NDArray[np.int64]:
    """The fold of each row, shape (rows,): whole groups, with about as many rows of each class in every fold.

    groups: equal numbers for rows that belong together. A group larger than a fold is divided into single
    rows, or there would be folds without its class.
    """
    largest = int(is_first.sum()) // NUM_FOLDS
    members: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    sizes = np.bincount(groups)
    for place, group in enumerate(groups):
        members[group, place if sizes[group] > largest else -1].append(place)
    parts = list(members.values())
    order = sorted(generator.permutation(len(parts)).tolist(), key=lambda part: -len(parts[part]))
    folds = np.zeros(len(groups), np.int64)
    filled = np.zeros((NUM_FOLDS, 2), np.int64)
    for part in (parts[number] for number in order):
        sides = np.bincount(is_first[part].astype(np.int64), minlength=2)
        fold = int(np.argmin(filled[:, sides > 0].max(axis=1)))
        folds[part] = fold
        filled[fold] += sides
    return folds


def fit_logistic(products: Floats, is_first: NDArray[np.bool_]) -> Floats:
    """The weights a, shape (rows,). products: the matrix K, shape (rows, rows)."""
    weights = np.zeros(len(products))
    decisions = np.zeros(len(products))
    for _ in range(_MAX_STEPS):
        chances = 1 / (1 + np.exp(-decisions))
        curvature = np.sqrt(chances * (1 - chances))
        target = curvature**2 * decisions + is_first - chances
        matrix = np.eye(len(products)) + curvature[:, None] * products * curvature
        weights = target - curvature * np.linalg.solve(matrix, curvature * (products @ target))
        change = products @ weights - decisions
        decisions = decisions + change
        if np.abs(change).max() < _TOLERANCE:
            break
    return weights


def area_under_curve(decisions: Floats, is_first: NDArray[np.bool_]) -> float:
    """Share of pairs with a row of each class in which the first class has the higher decision; ties are ½.

    This equals the area under the ROC curve: Hanley and McNeil, The Meaning and Use of the Area under a
    Receiver Operating Characteristic Curve, 1982.
    """
    differences = np.sign(decisions[is_first][:, None] - decisions[~is_first])
    return float(differences.mean() + 1) / 2
