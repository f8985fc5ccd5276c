"""Sampling noise: how much a metric of one network varies between samples of tunes.

The delete-a-group jackknife: the n requested tunes are divided at random into G = 10 groups of (nearly) equal
size, and every metric θ is measured G times, each time without one group. With their mean θ̄,

    standard error = √( (G - 1) / G · Σ_g (θ_g - θ̄)² ).

Sources: Shao and Tu, The Jackknife and Bootstrap, 1995, chapters 1 and 2 (also on medians, for which deleting
single tunes is inconsistent); Kott, The Delete-a-Group Jackknife, 2001. With ten groups (nine degrees of
freedom) the relative error of the standard error is about a quarter.
"""

import numpy as np

from musicgen.metrics.comparison import Comparison
from musicgen.metrics.registry import measure

NUM_GROUPS = 10
LEFT_OUT = frozenset({"similarity/two_sample_auc", "similarity/musical_auc"})
"""A smaller sample changes held-out tunes and folds, which the jackknife would mistake for sampling noise."""


def sampling_noise(comparison: Comparison) -> dict[str, float]:
    """Standard error of each metric that has a value without any group; {} for fewer than two tunes.

    The comparison's seed divides the groups. N-grams are counted in (G - 1) / G of the note budget, so that
    nearly the same tunes contribute. The corpus and the sample are unchanged. A median of integers that does
    not change has the error 0.
    """
    num_requested = comparison.num_requested
    num_groups = min(NUM_GROUPS, num_requested)
    if num_groups < 2:
        return {}
    order = np.random.default_rng(comparison.seed).permutation(num_requested)
    note_budget = comparison.note_budget * (num_groups - 1) // num_groups
    replicates = []
    for group in np.array_split(order, num_groups):
        is_kept = np.ones(num_requested, bool)
        is_kept[group] = False
        replicates.append(measure(comparison.restricted(is_kept, note_budget), LEFT_OUT)[0])
    noise = {}
    for name in replicates[0]:
        values = [value for metrics in replicates if (value := metrics[name]) is not None]
        if len(values) == num_groups:
            noise[name] = jackknife_error(values)
    return noise


def jackknife_error(values: list[float]) -> float:
    """The standard error, given a statistic's values without each group in turn."""
    num_groups = len(values)
    return float(np.sqrt((num_groups - 1) * np.var(values)))
