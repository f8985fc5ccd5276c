"""The musical two-sample test: can a classifier tell generated tunes from held-out ones by their music?

Gradient boosting on the features of each tune (`features.py`), cross-validated in five folds. Near-duplicates
are in one fold, or a tune would be recognised by its twin. Source of the idea: Lopez-Paz and Oquab, Revisiting
Classifier Two-Sample Tests, 2017.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musicgen.corpus.splits import near_duplicate_groups
from musicgen.metrics.classifier import area_under_curve
from musicgen.metrics.tunes import Tune, UnmeasurableError

NUM_FOLDS = 5
_NEAR_DUPLICATE_SHARE = 0.5
"""As conf/data has it: the share of their runs of notes that near-duplicates have in common."""
_NUM_TREES = 50
_MAX_LEAVES = 6
_LEARNING_RATE = 0.1


def musical_auc(ours: Sequence[Tune], held_out: Sequence[Tune], seed: int) -> float:
    """Area under the ROC curve of a classifier of ours against held-out tunes; 0.5 is ideal, mean over folds.

    The larger side is subsampled with the seed. Raises UnmeasurableError for fewer than ten tunes per side.
    """
    size = min(len(ours), len(held_out))
    if size < 2 * NUM_FOLDS:
        raise UnmeasurableError(f"{size} tunes per side, fewer than {2 * NUM_FOLDS}")
    rng = np.random.default_rng(seed)
    chosen = [tunes[place] for tunes in (ours, held_out) for place in rng.permutation(len(tunes))[:size]]
    features = np.array([tune.features for tune in chosen])
    is_ours = np.arange(2 * size) < size
    groups = near_duplicate_groups([tune.melody.pitches for tune in chosen], _NEAR_DUPLICATE_SHARE)
    return _cross_validated_auc(features, is_ours, folds_of(groups, is_ours, rng), seed)


def folds_of(
    groups: Sequence[int], is_ours: NDArray[np.bool_], generator: np.random.Generator
) -> NDArray[np.int64]:
    """The fold of each tune, shape (tunes,): whole groups of near-duplicates, about as many of each side.

    A group that is larger than a fold is divided into single tunes: a network that writes one tune over and
    over has no other tunes to learn from.
    """
    largest = int(is_ours.sum()) // NUM_FOLDS
    members: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    sizes = np.bincount(groups)
    for place, group in enumerate(groups):
        members[group, place if sizes[group] > largest else -1].append(place)
    parts = list(members.values())
    order = sorted(generator.permutation(len(parts)).tolist(), key=lambda part: -len(parts[part]))
    folds = np.zeros(len(groups), np.int64)
    filled = np.zeros((NUM_FOLDS, 2), np.int64)
    for part in (parts[number] for number in order):
        sides = np.bincount(is_ours[part].astype(np.int64), minlength=2)
        fold = int(np.argmin(filled[:, sides > 0].max(axis=1)))
        folds[part] = fold
        filled[fold] += sides
    return folds


def _cross_validated_auc(
    features: NDArray[np.float64], is_ours: NDArray[np.bool_], folds: NDArray[np.int64], seed: int
) -> float:
    # Importing scikit-learn takes a second.
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    scores = []
    # A second thread does not make so few rows faster.
    with threadpool_limits(1, "openmp"):
        for fold in range(NUM_FOLDS):
            is_test = folds == fold
            model = HistGradientBoostingClassifier(
                learning_rate=_LEARNING_RATE,
                max_iter=_NUM_TREES,
                max_leaf_nodes=_MAX_LEAVES,
                early_stopping=False,
                random_state=seed,
            )
            model.fit(features[~is_test], is_ours[~is_test])
            decisions = np.asarray(model.decision_function(features[is_test]))
            scores.append(area_under_curve(decisions, is_ours[is_test]))
    return float(np.mean(scores))
