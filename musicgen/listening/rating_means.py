"""listening.csv: mean ratings by arm and criterion, and how reliable the listeners are."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from musicgen.listening.statistics import alpha, mean_rating
from musicgen.listening.stimuli import CORPUS, SHUFFLED
from musicgen.records.criteria import POINTS, SCALES
from musicgen.records.ratings import MEANS_COLUMNS, Rating

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]


def listening_table(ratings: Sequence[Rating], arms: Sequence[str]) -> "DataFrame":
    """A row for each rated arm and criterion, in the order of `arms`; repeats do not count."""
    from pandas import DataFrame

    first = [rating for rating in ratings if not rating.is_repeat]
    rows = []
    for arm in [*arms, CORPUS, SHUFFLED]:
        for criterion in rated_criteria(first):
            own = [rating for rating in first if rating.arm == arm and rating.criterion == criterion]
            if not own:
                continue
            matrix = rating_matrix(own)
            mean = mean_rating(matrix)
            rows.append(
                {
                    "arm": arm,
                    "criterion": criterion,
                    "mean": mean.value,
                    # A mean cannot be outside the scale.
                    "ci_low": np.clip(mean.low, POINTS[0], POINTS[-1]),
                    "ci_high": np.clip(mean.high, POINTS[0], POINTS[-1]),
                    "num_ratings": len(own),
                    "num_listeners": matrix.shape[0],
                    "num_tunes": matrix.shape[1],
                    "num_runs": len({rating.run_id for rating in own if rating.run_id}),
                }
            )
    return DataFrame(rows, columns=list(MEANS_COLUMNS))


def rated_criteria(ratings: Iterable[Rating]) -> list[str]:
    """The rated criteria, in the order of the page."""
    rated = {rating.criterion for rating in ratings}
    return [name for name in SCALES if name in rated]


def rating_matrix(ratings: Iterable[Rating]) -> Floats:
    """The ratings of one criterion, shape (listeners, tunes); NaN if a listener did not rate a tune."""
    known = {(rating.listener, rating.tune_id): float(rating.rating) for rating in ratings}
    listeners = list(dict.fromkeys(listener for listener, _ in known))
    tunes = list(dict.fromkeys(tune for _, tune in known))
    return np.array([[known.get((listener, tune), math.nan) for tune in tunes] for listener in listeners])


@dataclass(frozen=True, slots=True)
class Reliability:
    """How well one listener agrees with themselves and tells corpus tunes from shuffled ones."""

    listener: str
    num_repeated: int
    """Number of ratings given twice."""
    num_equal: int
    num_within_one: int
    corpus_above_shuffled: float
    """Mean rating of corpus tunes minus that of shuffled ones; NaN without anchors."""


def reliability_of(ratings: Sequence[Rating], listener: str) -> Reliability:
    """A listener's reliability, from hidden repeats and anchors."""
    own = [rating for rating in ratings if rating.listener == listener]
    first = {(rating.tune_id, rating.criterion): rating.rating for rating in own if not rating.is_repeat}
    differences = [
        abs(rating.rating - first[rating.tune_id, rating.criterion])
        for rating in own
        if rating.is_repeat and (rating.tune_id, rating.criterion) in first
    ]
    real, shuffled = (
        [rating.rating for rating in own if rating.anchor == kind and not rating.is_repeat]
        for kind in (CORPUS, SHUFFLED)
    )
    return Reliability(
        listener,
        len(differences),
        sum(difference == 0 for difference in differences),
        sum(difference <= 1 for difference in differences),
        float(np.mean(real) - np.mean(shuffled)) if real and shuffled else math.nan,
    )


def agreement_between(ratings: Sequence[Rating]) -> dict[str, float]:
    """Criterion -> Krippendorff's ordinal alpha; NaN for a single listener."""
    first = [rating for rating in ratings if not rating.is_repeat]
    return {
        criterion: alpha(rating_matrix(rating for rating in first if rating.criterion == criterion))
        for criterion in rated_criteria(first)
    }
