"""How much a metric scatters between seeds, and how much of that is the finite number of sampled tunes."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from musicgen.records.runs import FoundRun, metric_names

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("metric", "num_seeds", "mean", "standard_deviation", "sampling_noise", "training_noise")


def sampling_part(runs: Sequence[FoundRun], metric: str) -> float:
    """Root mean square of the runs' standard errors from the finite number of tunes.

    0 for what the training measures, which samples nothing; NaN where no run has such an error.
    """
    if metric.startswith("fit/"):
        return 0.0
    known = [run.record.sampling_noise[metric] for run in runs if metric in run.record.sampling_noise]
    return math.sqrt(sum(noise**2 for noise in known) / len(known)) if known else math.nan


def noise_table(runs: Sequence[FoundRun]) -> "DataFrame":
    """For each metric its spread over seeds, the part of sampling, and what is left for the training.

    runs: one configuration, a run a seed. The training's part is √max(0, SD² − sampling²); it holds the
    split, where that follows the seed, beside initial weights, batch order and dropout. One seed: NaN.
    """
    from pandas import DataFrame

    rows = []
    for metric in metric_names(runs):
        values = [value for run in runs if (value := run.value(metric)) is not None]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        sampling = sampling_part(runs, metric)
        rest = deviation**2 - sampling**2
        training = math.nan if math.isnan(rest) else math.sqrt(max(0.0, rest))
        mean = float(np.mean(values)) if values else math.nan
        rows.append((metric, len(values), mean, deviation, sampling, training))
    return DataFrame(rows, columns=list(COLUMNS))
