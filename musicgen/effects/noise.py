"""How much a metric scatters between seeds, and how much of that comes from sampling finitely many tunes."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from musicgen.records.runs import FoundRun, metric_names

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("metric", "num_seeds", "mean", "standard_deviation", "sampling_noise", "training_noise")


def sampling_part(runs: Sequence[FoundRun], metric: str) -> float:
    """Root mean square of the runs' standard errors from sampling finitely many tunes.

    0 for metrics of the training, which sample nothing; NaN if no run has such an error.
    """
    if metric.startswith("fit/"):
        return 0.0
    known = [run.record.sampling_noise[metric] for run in runs if metric in run.record.sampling_noise]
    return math.sqrt(sum(noise**2 for noise in known) / len(known)) if known else math.nan


def noise_table(runs: Sequence[FoundRun]) -> "DataFrame":
    """Each metric's spread over seeds, the part that sampling explains, and the rest, from training.

    runs: one configuration, one run for each seed. The training noise is √max(0, SD² − sampling²); it comes
    from initial weights, batch order, dropout, and the split if that follows the seed. NaN for one seed.
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
