"""A metric of several runs on the scale of its test: shares of counted things need their counts."""

from collections.abc import Iterable, Sequence

from musicgen.effects.statistics import Measured
from musicgen.errors import InputError
from musicgen.metrics.registry import METRICS
from musicgen.records.runs import FoundRun


def is_counted_share(metric: str) -> bool:
    """Whether the metric is the share of counted things."""
    return metric in METRICS and METRICS[metric].is_counted_share


def as_tested(runs: Sequence[FoundRun], metric: str) -> Measured:
    """The metric of each run, all of which have it, on the scale of the test."""
    return Measured.of([run.value(metric) or 0.0 for run in runs], counts_behind(runs, metric))


def counts_behind(runs: Iterable[FoundRun], metric: str) -> list[int] | None:
    """For each run, of how many things the metric is the share; None for a metric that is not such a share.

    Raises InputError for a value outside 0 to 1: a run may come from somebody else.
    """
    if not is_counted_share(metric):
        return None
    counts = []
    for run in runs:
        if not 0 <= (run.value(metric) or 0) <= 1:
            raise InputError(f"{run.directory}: {metric}={run.value(metric)} must be a share, from 0 to 1")
        counts.append(num_counted(run, metric))
    return counts


def num_counted(run: FoundRun, metric: str) -> int:
    """Of how many things a run gives the share.

    Things of one tune are not independent, so it is the number of tunes, except for the bar rate.
    """
    bars = run.num_bars if metric == "validity/bar_rate" else None
    return bars or run.num_tunes
