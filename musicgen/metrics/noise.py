"""Sampling noise: how far a metric of one network would move if other tunes were drawn from it.

The delete-a-group jackknife. The n requested tunes are dealt at random into G = 10 groups of equal size (or
nearly), and every metric θ is measured G times, each time without one group. With θ̄ the mean of these,

    standard error = √( (G - 1) / G · Σ_g (θ_g - θ̄)² ).

Sources: Shao and Tu, The Jackknife and Bootstrap, 1995, chapters 1 and 2 (also for medians, for which the
jackknife of single tunes is wrong); Kott, The Delete-a-Group Jackknife, 2001. With ten groups the
standard error is itself known to about a quarter (nine degrees of freedom).
"""

import numpy as np

from musicgen.metrics.comparison import Comparison
from musicgen.metrics.measuring import measure

NUM_GROUPS = 10
LEFT_OUT = frozenset({"similarity/two_sample_auc"})
"""A smaller sample draws other held-out tunes and other folds, which the jackknife takes for noise of the
network."""


def sampling_noise(comparison: Comparison) -> dict[str, float]:
    """The standard error of each metric that has a value without any one of the groups; {} for one tune.

    The comparison's seed deals the groups. Where n-grams are counted over a fixed number of notes, each of
    the G samples has (G - 1) / G of that budget, so that nearly the same tunes take part as in the whole.
    The corpus and the drawn sample stay as they are. A median of whole numbers that does not move gives 0.
    """
    num_requested = comparison.num_requested
    num_groups = min(NUM_GROUPS, num_requested)
    if num_groups < 2:
        return {}
    order = np.random.default_rng(comparison.seed).permutation(num_requested)
    note_budget = comparison.note_budget * (num_groups - 1) // num_groups
    replicates = []
    for group in np.array_split(order, num_groups):
        is_left = np.ones(num_requested, bool)
        is_left[group] = False
        replicates.append(measure(comparison.rest(is_left, note_budget), LEFT_OUT)[0])
    noise = {}
    for name in replicates[0]:
        values = [value for metrics in replicates if (value := metrics[name]) is not None]
        if len(values) == num_groups:
            noise[name] = jackknife_error(values)
    return noise


def jackknife_error(values: list[float]) -> float:
    """The standard error from the values of a statistic without each group in turn."""
    num_groups = len(values)
    return float(np.sqrt((num_groups - 1) * np.var(values)))
