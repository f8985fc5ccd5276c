"""agreement.csv: do the metrics and the validation loss agree with listeners?

Spearman's rank correlation of ratings with measurements: over tunes for the columns of tunes.csv, over runs
for the metrics of a run. A metric whose target is the corpus is replaced by its distance from the corpus.
Only differences within arms count, and between runs only those within arms and seeds: two arms differ in many
metrics and perhaps in how they sound, which says nothing about whether one is a measure of the other, however
many tunes were rated. All of this is exploratory.
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Point:
    """A tune or a run that was measured and rated."""

    value: float
    rating: float
    """Mean over listeners, and over a run's tunes."""
    arm: str
    seed: int | None


Points = dict[str, list[Point]]
"""Metric -> every tune or run that has both a value and a rating."""


def agreement_table(ratings: Sequence[Rating], runs: Sequence[FoundRun]) -> "DataFrame":
    """A row for each unit (tune or run), criterion and metric; empty if no run's tune was rated."""
    from pandas import DataFrame

    own = [rating for rating in ratings if rating.run_id and not rating.is_repeat]
    rows = []
    for criterion in rated_criteria(own):
        rated = [rating for rating in own if rating.criterion == criterion]
        for unit, points in ((TUNE, _tune_points(rated, runs)), (RUN, _run_points(rated, runs))):
            rows += [_row(unit, criterion, metric, known) for metric, known in points.items()]
    return DataFrame(rows, columns=list(COLUMNS))


def _row(unit: str, criterion: str, metric: str, points: Sequence[Point]) -> dict[str, object]:
    groups: list[Sequence[object]] = [[point.arm for point in points]]
    # Runs of one seed share its split, in every arm. With a single arm, each seed has one run.
    if unit == RUN and len(set(groups[0])) > 1:
        groups.append([point.seed for point in points])
    estimate = rank_correlation(
        [point.value for point in points], [point.rating for point in points], *groups
    )
    return {
        "unit": unit,
        "criterion": criterion,
        "metric": metric,
        "better": _better(metric) if unit == RUN else None,
        "rank_correlation": estimate.value,
        "ci_low": estimate.low,
        "ci_high": estimate.high,
        "num_units": len(points),
    }


def _better(metric: str) -> str:
    directions = {Direction.HIGHER: HIGHER, Direction.LOWER: LOWER, Direction.CORPUS: NEARER}
    return directions[METRICS[metric].direction]


def _tune_points(ratings: Sequence[Rating], runs: Sequence[FoundRun]) -> Points:
    measured = {song.key: song for run in runs for song in read_songs(run)}
    given: dict[tuple[str, int], list[Rating]] = defaultdict(list)
    for rating in ratings:
        if rating.index is not None:
            given[rating.run_id, rating.index].append(rating)
    points: Points = {metric: [] for metric in TUNE_METRICS}
    for key, own in given.items():
        for metric in TUNE_METRICS if key in measured else ():
            value = measured[key].number(metric)
            if value is not None:
                mean = statistics.mean(rating.rating for rating in own)
                points[metric].append(Point(value, mean, own[0].arm, own[0].seed))
    return points


def _run_points(ratings: Sequence[Rating], runs: Sequence[FoundRun]) -> Points:
    points: Points = {metric: [] for metric in HEADLINE}
    arms = {rating.run_id: rating.arm for rating in ratings}
    by_id = {run.record.run_id: run for run in runs}
    for run in with_ratings(list(by_id.values()), ratings):
        rating = run.value(metric_name(ratings[0].criterion))
        for metric in HEADLINE if rating is not None else ():
            if (value := _measured(run, metric)) is not None and rating is not None:
                points[metric].append(Point(value, rating, arms[run.record.run_id], run.record.seed))
    return points


def _measured(run: FoundRun, metric: str) -> float | None:
    """The metric's value, or its distance from the corpus if that is the target."""
    value = run.value(metric)
    if value is None or METRICS[metric].direction is not Direction.CORPUS:
        return value
    reference = run.record.reference.get(metric)
    return None if reference is None else abs(value - reference["mean"])
