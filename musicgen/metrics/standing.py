"""Where a value stands next to real tunes, in words: like them, better, or worse and by how much.

How many standard deviations lie between says little: where all real tunes agree, any difference is a hundred
of them. So a worse value is placed on the way from the tunes of a character 5-gram model, the floor at 0 %,
to held-out corpus tunes at 100 %.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from musicgen.metrics.registry import METRICS, Direction

INDISTINGUISHABLE_SDS = 2.0
"""A value this close to the corpus mean is not distinguishable from real tunes."""
LIKE_REAL, BETTER, WORSE = "like real tunes", "better than real tunes", "worse than real tunes"
WORSE_THAN_FLOOR = "worse than 5-gram tunes"


def standing(metric: str, values: Sequence[float], corpus: Mapping[str, float], floor: float | None) -> str:
    """Say where the mean of these values, one for each seed, stands.

    corpus: mean and sd of held-out tunes. Several seeds add the standard deviation of their percentages.
    """
    mean, middle = float(np.mean(values)), corpus["mean"]
    if abs(mean - middle) <= INDISTINGUISHABLE_SDS * corpus["sd"]:
        return LIKE_REAL
    if _shortfall(metric, mean, middle) == 0:
        return BETTER
    share = None if floor is None else share_of_the_way(metric, mean, middle, floor)
    if share is not None and share < 0:
        return WORSE_THAN_FLOOR
    side = f" (too {'high' if mean > middle else 'low'})" if _direction(metric) is Direction.CORPUS else ""
    if floor is None:
        return WORSE + side
    if share is None:
        # The floor itself is as good as real tunes.
        return WORSE_THAN_FLOOR
    spread = ""
    if len(values) > 1:
        shares = [share_of_the_way(metric, value, middle, floor) or 0.0 for value in values]
        spread = f" ± {100 * float(np.std(shares, ddof=1)):.0f}"
    is_beyond = (mean - middle) * (floor - middle) < 0
    place = "nearer than 5-gram" if is_beyond else "from 5-gram to real"
    return f"worse{side}: {100 * share:.0f}{spread} % {place}"


def share_of_the_way(metric: str, value: float, corpus: float, floor: float) -> float | None:
    """1 less the value's distance from the corpus / that of the floor; negative if it is farther away.

    Where higher or lower is better, a value beyond the corpus has no distance. None if the floor has none.
    """
    whole = _shortfall(metric, floor, corpus)
    return None if whole == 0 else 1 - _shortfall(metric, value, corpus) / whole


def _shortfall(metric: str, value: float, corpus: float) -> float:
    """By how much the value misses the corpus; 0 beyond it where that is better."""
    direction = _direction(metric)
    difference = value - corpus
    if direction is Direction.HIGHER:
        return max(-difference, 0.0)
    return max(difference, 0.0) if direction is Direction.LOWER else abs(difference)


def _direction(metric: str) -> Direction:
    return METRICS[metric].direction if metric in METRICS else Direction.CORPUS
