"""Where a value stands between the floor and the corpus, in words and as a share of the way.

The floor is what a character 5-gram model reaches: 0 %. Held-out corpus tunes are 100 %. How many standard
deviations lie between says little: where all real tunes agree, any difference is a hundred of them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from musicgen.metrics.registry import METRICS, Direction

INDISTINGUISHABLE_SDS = 2.0
"""A value this close to the corpus mean is not distinguishable from the corpus."""
SAME_AS_CORPUS = "not distinguishable from the corpus"
WORSE_THAN_FLOOR = "worse than the 5-gram floor"


def standing(metric: str, values: Sequence[float], corpus: Mapping[str, float], floor: float | None) -> str:
    """Say where the mean of these values, one for each seed, stands.

    corpus: mean and sd of held-out tunes. Several seeds add the standard deviation of their percentages.
    """
    mean, middle = float(np.mean(values)), corpus["mean"]
    if abs(mean - middle) <= INDISTINGUISHABLE_SDS * corpus["sd"]:
        return SAME_AS_CORPUS
    side = "above" if mean > middle else "below"
    if floor is None or _shortfall(metric, mean, middle) == 0:
        return f"{side} the corpus"
    share = share_of_the_way(metric, mean, middle, floor)
    if share is None or share < 0:
        return WORSE_THAN_FLOOR
    is_beyond = (mean - middle) * (floor - middle) < 0
    spread = ""
    if len(values) > 1:
        shares = [share_of_the_way(metric, value, middle, floor) or 0.0 for value in values]
        spread = f" ± {100 * float(np.std(shares, ddof=1)):.0f}"
    words = f"{100 * share:.0f}{spread} % from floor to corpus"
    return f"{words}, beyond it" if is_beyond else words


def share_of_the_way(metric: str, value: float, corpus: float, floor: float) -> float | None:
    """1 less the value's distance from the corpus / that of the floor; negative if it is farther away.

    Where higher or lower is better, a value beyond the corpus has no distance. None if the floor has none.
    """
    whole = _shortfall(metric, floor, corpus)
    return None if whole == 0 else 1 - _shortfall(metric, value, corpus) / whole


def _shortfall(metric: str, value: float, corpus: float) -> float:
    """By how much the value misses the corpus; 0 beyond it where that is better."""
    direction = METRICS[metric].direction if metric in METRICS else Direction.CORPUS
    difference = value - corpus
    if direction is Direction.HIGHER:
        return max(-difference, 0.0)
    return max(difference, 0.0) if direction is Direction.LOWER else abs(difference)
