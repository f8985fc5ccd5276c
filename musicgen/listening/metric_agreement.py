"""agreement.csv: do the metrics and the validation loss agree with listeners?

Spearman's rank correlation of ratings with measurements: over tunes for the columns of tunes.csv, over runs
for the metrics of a run. A metric whose target is the corpus is replaced by its distance from the corpus.
All of this is exploratory.
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from musicgen.listening.rating_means import rated_criteria
from musicgen.listening.statistics import rank_correlation
from musicgen.metrics.registry import HEADLINE, METRICS, Direction
from musicgen.records.ratings import Rating, metric_name, with_ratings
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import read_songs

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("unit", "criterion", "metric", "better", "rank_correlation", "ci_low", "ci_high", "num_units")
TUNE_METRICS = (
    "lag_repeat",
    "distinct_bars",
    "pitch_class_entropy",
    "pitch_range",
    "num_notes",
    "ends_on_tonic",
    "novelty_8",
    "longest_copy",
    "copied_share",
)
"""The columns of tunes.csv that measure a tune's music."""
TUNE, RUN = "tune", "run"
HIGHER, LOWER, NEARER = "higher", "lower", "nearer to the corpus"
"""Where a metric is better, so that ratings should rise or fall with it, or fall with the distance."""

Pairs = dict[str, list[tuple[float, float]]]
"""Metric -> (measured value, mean rating) for every tune or run that has both."""


def agreement_table(ratings: Sequence[Rating], runs: Sequence[FoundRun]) -> "DataFrame":
    """A row for each unit (tune or run), criterion and metric; empty if no run's tune was rated."""
    from pandas import DataFrame

    own = [rating for rating in ratings if rating.run_id and not rating.is_repeat]
    rows = []
    for criterion in rated_criteria(own):
        rated = [rating for rating in own if rating.criterion == criterion]
        for unit, pairs in ((TUNE, _tune_pairs(rated, runs)), (RUN, _run_pairs(rated, runs))):
            rows += [_row(unit, criterion, metric, known) for metric, known in pairs.items()]
    return DataFrame(rows, columns=list(COLUMNS))


def _row(unit: str, criterion: str, metric: str, pairs: Sequence[tuple[float, float]]) -> dict[str, object]:
    estimate = rank_correlation([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    return {
        "unit": unit,
        "criterion": criterion,
        "metric": metric,
        "better": _better(metric) if unit == RUN else None,
        "rank_correlation": estimate.value,
        "ci_low": estimate.low,
        "ci_high": estimate.high,
        "num_units": len(pairs),
    }


def _better(metric: str) -> str:
    directions = {Direction.HIGHER: HIGHER, Direction.LOWER: LOWER, Direction.CORPUS: NEARER}
    return directions[METRICS[metric].direction]


def _tune_pairs(ratings: Sequence[Rating], runs: Sequence[FoundRun]) -> Pairs:
    measured = {song.key: song for run in runs for song in read_songs(run)}
    points: dict[tuple[str, int], list[int]] = defaultdict(list)
    for rating in ratings:
        if rating.index is not None:
            points[rating.run_id, rating.index].append(rating.rating)
    pairs: Pairs = {metric: [] for metric in TUNE_METRICS}
    for key, given in points.items():
        for metric in TUNE_METRICS if key in measured else ():
            value = measured[key].number(metric)
            if value is not None:
                pairs[metric].append((value, statistics.mean(given)))
    return pairs


def _run_pairs(ratings: Sequence[Rating], runs: Sequence[FoundRun]) -> Pairs:
    pairs: Pairs = {metric: [] for metric in HEADLINE}
    by_id = {run.record.run_id: run for run in runs}
    for run in with_ratings(list(by_id.values()), ratings):
        rating = run.value(metric_name(ratings[0].criterion))
        for metric in HEADLINE if rating is not None else ():
            if (value := _measured(run, metric)) is not None and rating is not None:
                pairs[metric].append((value, rating))
    return pairs


def _measured(run: FoundRun, metric: str) -> float | None:
    """The metric's value, or its distance from the corpus if that is the target."""
    value = run.value(metric)
    if value is None or METRICS[metric].direction is not Direction.CORPUS:
        return value
    reference = run.record.reference.get(metric)
    return None if reference is None else abs(value - reference["mean"])
