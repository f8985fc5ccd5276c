"""Listeners' ratings as metrics of runs, from the ratings.csv of the listening page.

A run's value is the mean over its rated tunes, and a tune's value the mean over its listeners. So
`listening/musicality` is in the runs and effects tables like any other metric, and its unit is the seed.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from musicgen.errors import InputError
from musicgen.records.criteria import POINTS, SCALES
from musicgen.records.runs import FoundRun, read_rows, sweep_directory

FILE_NAME, MEANS_FILE = "ratings.csv", "listening.csv"
"""All ratings; and the mean of each arm and criterion, which the listening page computes from them."""
MEANS_COLUMNS = (
    *("arm", "criterion", "mean", "ci_low", "ci_high"),
    *("num_ratings", "num_listeners", "num_tunes", "num_runs"),
)
"""Columns of listening.csv; the tables of earlier versions have only these."""
SAMPLE_COLUMNS = ("num_sampled", "invalid_share", "without_notes_share")
"""Columns of listening.csv about the tunes from which those of the arm were drawn."""


@dataclass(frozen=True, slots=True)
class Rating:
    """One person's rating of one tune: a row of ratings.csv."""

    listener: str
    tune_id: str
    run_id: str
    """Empty for an anchor."""
    arm: str
    seed: int | None
    index: int | None
    """The tune's place in its run's sample. seed and index are None for an anchor."""
    criterion: str
    rating: int
    is_repeat: bool
    """Whether the listener had rated this tune before."""
    anchor: str
    """"corpus" or "shuffled"; empty for a tune of a run."""
    position: int
    """Place in the order in which the listener heard the tunes, from 1."""
    rated_at: str
    """UTC, ISO 8601."""


COLUMNS = tuple(column.name for column in fields(Rating))
"""Columns of ratings.csv."""


def metric_name(criterion: str) -> str:
    """The criterion's name among metrics."""
    return f"listening/{criterion}"


LISTENING_METRICS = tuple(metric_name(name) for name in SCALES)


def read_ratings(path: Path) -> list[Rating]:
    """The ratings in a ratings.csv; raises InputError if the file is not one."""
    rows = read_rows(path)
    try:
        return [_rating(row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is not a table of ratings ({error}); the columns are {', '.join(COLUMNS)}"
        ) from error


def _rating(row: dict[str, str]) -> Rating:
    point = int(row["rating"])
    if point not in POINTS or row["criterion"] not in SCALES:
        raise ValueError(f"{row['criterion']}={row['rating']} is not a rating")
    return Rating(
        listener=row["listener"],
        tune_id=row["tune_id"],
        run_id=row["run_id"],
        arm=row["arm"],
        seed=int(row["seed"]) if row["seed"] else None,
        index=int(row["index"]) if row["index"] else None,
        criterion=row["criterion"],
        rating=point,
        is_repeat=row["is_repeat"] == "True",
        anchor=row["anchor"],
        position=int(row["position"]),
        rated_at=row["rated_at"],
    )


def find_ratings(runs: Sequence[FoundRun], folder: Path | None = None) -> list[Rating]:
    """The ratings in the directories of the runs and their sweeps, and in `folder`."""
    return [rating for path in _found(FILE_NAME, runs, folder) for rating in read_ratings(path)]


def find_means(runs: Sequence[FoundRun], folder: Path | None = None) -> list[dict[str, str]]:
    """The rows of every listening.csv in the same places; raises InputError if a column is missing."""
    rows = []
    for path in _found(MEANS_FILE, runs, folder):
        found = read_rows(path)
        missing = [name for name in MEANS_COLUMNS if found and name not in found[0]]
        if missing:
            raise InputError(f"{path}: is not a table of mean ratings: column {missing[0]} is missing")
        rows += found
    return rows


def _found(name: str, runs: Sequence[FoundRun], folder: Path | None) -> list[Path]:
    folders = {run.directory.resolve() for run in runs} | {*map(sweep_directory, runs)}
    if folder is not None:
        folders.add(folder.resolve())
    return [place / name for place in sorted(folders) if (place / name).is_file()]


def tune_means(ratings: Sequence[Rating]) -> dict[tuple[str, int], float]:
    """(run identity, index) of each rated tune -> mean over its listeners and criteria, from 1 to 5.

    Repeats, anchors and sets of tunes are left out.
    """
    points: dict[tuple[str, int], list[int]] = defaultdict(list)
    for rating in ratings:
        if rating.run_id and rating.index is not None and not rating.is_repeat:
            points[rating.run_id, rating.index].append(rating.rating)
    return {tune: statistics.mean(given) for tune, given in points.items()}


def with_ratings(runs: Sequence[FoundRun], ratings: Sequence[Rating]) -> list[FoundRun]:
    """The runs with the metrics listening/…, each with its standard error over the rated tunes.

    Repeats and anchors are left out. Runs without ratings stay as they are.
    """
    points: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for rating in ratings:
        if rating.run_id and not rating.is_repeat:
            points[rating.run_id, rating.criterion][rating.tune_id].append(rating.rating)
    return [_rated(run, points) for run in runs] if points else list(runs)


def _rated(run: FoundRun, points: dict[tuple[str, str], dict[str, list[int]]]) -> FoundRun:
    metrics, noise = dict(run.record.metrics), dict(run.record.sampling_noise)
    for criterion in SCALES:
        tunes = [statistics.mean(given) for given in points.get((run.record.run_id, criterion), {}).values()]
        if tunes:
            metrics[metric_name(criterion)] = statistics.mean(tunes)
        if len(tunes) > 1:
            noise[metric_name(criterion)] = statistics.stdev(tunes) / math.sqrt(len(tunes))
    return replace(run, record=replace(run.record, metrics=metrics, sampling_noise=noise))
