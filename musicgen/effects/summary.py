"""Everything that is said of some runs together: their table, the effects, the failures, the figures.

The end of a sweep and `python -m musicgen.compare` call `summarise`, which prints nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.effects.additivity import Additivity, additivity
from musicgen.effects.corpora import describe_changed_corpora
from musicgen.effects.missing import MissingRun, missing_runs, with_missing
from musicgen.effects.noise import noise_table
from musicgen.effects.pairing import Star, pair_runs
from musicgen.effects.table import effects_table
from musicgen.records.findings import findings_of, unsupported
from musicgen.records.ratings import find_ratings, with_ratings
from musicgen.records.runs import FoundRun, directory_name, runs_table, write_csv

if TYPE_CHECKING:
    from pandas import DataFrame

    from musicgen.effects.figures.draw import Drawing


@dataclass(frozen=True, slots=True)
class Summary:
    """What was found, and where it was written."""

    runs: "DataFrame"
    """Of runs.csv: baseline and arms, then the runs that belong to neither."""
    effects: "DataFrame"
    noise: "DataFrame"
    """Of the baseline's seeds."""
    additivity: Sequence[Additivity]
    failures: Sequence[str]
    """A line for each run that did not complete, or is missing."""
    missing: Sequence[MissingRun]
    """What was planned and left no record."""
    changed_corpora: Sequence[str]
    """A line for each corpus that the runs read as different texts."""
    unsupported: Sequence[str]
    """A line for each finding about these runs whose cited effect they do not show."""
    star: Star
    folder: Path
    plots: Sequence[Path]

    @property
    def failure_count(self) -> str:
        """How many runs failed, in words."""
        num_runs = len(self.star.runs) + len(self.missing)
        return f"{len(self.failures)} of {num_runs} runs did not complete"

    @property
    def num_left_out(self) -> int:
        """Runs that belong to no arm."""
        return len(self.star.left_out)


def summarise(
    runs: Sequence[FoundRun], out: Path, baseline: Mapping[str, str] | None = None, *, draws: bool = True
) -> Summary:
    """Pair the runs, and write runs.csv, effects.csv, noise.csv and plots/ to `out`.

    What listeners said of the runs, as ratings.csv beside them has it, is among the metrics.
    baseline: parameter -> value, where another one than the found one is wanted. Raises InputError.
    """
    star = pair_runs(with_ratings(runs, find_ratings(runs, out)), baseline)
    table, effects = runs_table([*star.runs, *star.left_out], out), effects_table(star)
    noise = noise_table(star.baseline.runs)
    out.mkdir(parents=True, exist_ok=True)
    missing = missing_runs(runs, out)
    write_csv(with_missing(table, missing), out / "runs.csv")
    write_csv(effects, out / "effects.csv")
    write_csv(noise, out / "noise.csv")
    plots = _draw(star, effects, out) if draws else []
    return Summary(
        runs=table,
        effects=effects,
        noise=noise,
        additivity=additivity(effects),
        failures=[*failures_of(star, out), *map(str, missing)],
        missing=missing,
        changed_corpora=describe_changed_corpora(runs, out),
        unsupported=unsupported(findings_of(runs), star.runs, effects),
        star=star,
        folder=out,
        plots=plots,
    )


def failures_of(star: Star, relative_to: Path) -> list[str]:
    """A line for each run of the star that did not complete, unless a search stopped it on its way."""
    return [
        _failure(run, relative_to) for run in star.runs if run.record.status not in ("complete", "pruned")
    ]


def _failure(run: FoundRun, out: Path) -> str:
    record = run.record
    change = "baseline" if record.change is None else f"{record.change.parameter}={record.change.value}"
    status = "running or killed" if record.status == "running" else record.status
    reason = f": {' '.join(record.error.split())}" if record.error else ""
    return f"{change} seed={record.seed} {status}{reason} ({directory_name(run, out)})"


def _draw(star: Star, effects: "DataFrame", out: Path) -> list[Path]:
    from musicgen.effects.figures.draw import draw_on_all_cores

    return draw_on_all_cores(drawings_of(star, effects, out), out / "plots")


def drawings_of(
    star: Star, effects: "DataFrame", relative_to: Path, *, most_columns: int = 4
) -> "dict[str, Drawing]":
    """How to draw what the runs show, by file name without suffix; effects as `effects_table` gives them.

    most_columns: panels beside each other, at most.
    """
    # matplotlib takes a second to import, which a command that only prints should not wait for.
    from musicgen.effects.figures.draw import study_drawings

    runs = _with_references(runs_table(star.runs, relative_to), star)
    histories = {}
    for run in star.runs:
        history = run.history()
        if history is not None:
            histories[directory_name(run, relative_to)] = history
    return study_drawings(runs, effects, histories, most_columns)


def _with_references(runs: "DataFrame", star: Star) -> "DataFrame":
    """The runs table with the mean and SD of held-out corpus tunes, which figures show as a level."""
    import pandas

    rows = [
        {f"reference/{metric}": beside["mean"] for metric, beside in run.record.reference.items()}
        | {f"reference_sd/{metric}": beside["sd"] for metric, beside in run.record.reference.items()}
        for run in star.runs
    ]
    return pandas.concat([runs, pandas.DataFrame(rows, index=runs.index)], axis=1)
