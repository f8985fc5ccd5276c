"""Everything that some runs show together: their table, the effects, the failures, the figures.

The end of a sweep and `python -m musicgen.compare` call `summarise`, which prints nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from musicgen.effects.corpora import describe_changed_corpora
from musicgen.effects.effect import Effect, effects_frame
from musicgen.effects.joint import Additivity, additivity
from musicgen.effects.noise import noise_table
from musicgen.effects.pairing import PairedRuns, pair_runs
from musicgen.effects.table import effects_table
from musicgen.effects.terms import Terms
from musicgen.effects.trades import Trade, headline_trades
from musicgen.records.findings import CitedEffect, Finding, findings_of
from musicgen.records.naming import BASELINE, arm_name, shown_change
from musicgen.records.ratings import find_ratings, with_ratings
from musicgen.records.record import FILE_NAME as RUN_FILE
from musicgen.records.runs import (
    EFFECTS,
    NOISE,
    PLAN,
    RUNS,
    FoundRun,
    level_cell,
    path_name,
    read_rows,
    runs_table,
    sweep_directory,
    write_csv,
)
from musicgen.system.words import counted

if TYPE_CHECKING:
    from pandas import DataFrame

    from musicgen.effects.figures.draw import Drawing

_PLANNED = ("parameter", "value", "baseline_value", "seed", "run_id", "training_id")
"""Columns of plan.csv that the runs table has, too."""
_MAX_QUOTED = 60
"""Characters of a finding in a line."""


@dataclass(frozen=True, slots=True)
class MissingRun:
    """A planned run without a run.json: it never started, or was lost since."""

    directory: str
    """As in the runs table."""
    planned: Mapping[str, str]
    """Its row of plan.csv."""

    def __str__(self) -> str:
        """One line, like those on failures."""
        parameter, seed = self.planned.get("parameter"), self.planned.get("seed")
        change = shown_change(parameter, self.planned.get("value")) if parameter else BASELINE
        return f"{change}, seed {seed} missing: planned, but it left no {RUN_FILE} ({self.directory})"


@dataclass(frozen=True, slots=True)
class Summary:
    """What was found, and where it was written."""

    runs: "DataFrame"
    """The table of runs.csv: baseline and arms, then the runs that belong to neither."""
    effects: Sequence[Effect]
    noise: "DataFrame"
    """How the baseline's metrics scatter between seeds."""
    additivity: Sequence[Additivity]
    trades: Sequence[Trade]
    """What each change gets better and worse, largest effect first."""
    failures: Sequence[str]
    """A line for each run that did not complete, or is missing."""
    missing: Sequence[MissingRun]
    changed_corpora: Sequence[str]
    """A line for each corpus that the runs read as different texts."""
    unsupported: Sequence[str]
    """A line for each finding about these runs whose cited effect they do not show."""
    paired: PairedRuns
    folder: Path
    plots: Sequence[Path]

    @property
    def failure_count(self) -> str:
        """How many runs failed, in words."""
        num_runs = len(self.paired.runs) + len(self.missing)
        return f"{len(self.failures)} of {counted(num_runs, 'run')} did not complete"


def summarise(
    runs: Sequence[FoundRun], out: Path, baseline: Mapping[str, str] | None = None, *, draws: bool = True
) -> Summary:
    """Pair the runs, and write runs.csv, effects.csv, noise.csv and plots/ to `out`.

    The metrics include listeners' ratings of the runs, from the ratings.csv next to them. baseline:
    parameter -> value of another baseline than the one that would be chosen. Raises InputError.
    """
    paired = pair_runs(with_ratings(runs, find_ratings(runs, out)), baseline)
    table, effects = runs_table([*paired.runs, *paired.left_out], out), effects_table(paired)
    noise = noise_table(paired.baseline.runs)
    out.mkdir(parents=True, exist_ok=True)
    missing = missing_runs(runs, out)
    write_csv(with_missing(table, missing), out / RUNS)
    write_csv(effects_frame(effects), out / EFFECTS)
    write_csv(noise, out / NOISE)
    plots = _draw(paired, effects, out / "plots") if draws else []
    return Summary(
        runs=table,
        effects=effects,
        noise=noise,
        trades=headline_trades(effects, Terms.of(paired).primary_metrics, paired.runs),
        additivity=additivity(paired),
        failures=[*failures_of(paired, out), *map(str, missing)],
        missing=missing,
        changed_corpora=describe_changed_corpora(runs, out),
        unsupported=unsupported(findings_of(runs), paired.runs, effects),
        paired=paired,
        folder=out,
        plots=plots,
    )


def failures_of(paired: PairedRuns, relative_to: Path) -> list[str]:
    """A line for each run that did not complete, except those that a search pruned."""
    failed = (run for run in paired.runs if run.record.status not in ("complete", "pruned"))
    return [_failure(run, relative_to) for run in failed]


def _failure(run: FoundRun, out: Path) -> str:
    record = run.record
    change = arm_name(record.change, record.retuned)
    status = "running or killed" if record.status == "running" else record.status
    reason = f": {' '.join(record.error.split())}" if record.error else ""
    return f"{change}, seed {record.seed} {status}{reason} ({path_name(run.directory, out)})"


def missing_runs(runs: Sequence[FoundRun], relative_to: Path | None) -> list[MissingRun]:
    """The planned runs of these runs' sweeps that are not on the disk; raises InputError like `read_rows`."""
    missing = []
    for sweep in dict.fromkeys(map(sweep_directory, runs)):
        if not (sweep / PLAN).is_file():
            continue
        for row in read_rows(sweep / PLAN):
            name = PurePosixPath(row.get("directory", ""))
            # A plan may come from somebody else, so folders outside of the sweep don't count.
            if not name.parts or name.is_absolute() or ".." in name.parts:
                continue
            if not (sweep / name / RUN_FILE).is_file():
                missing.append(MissingRun(path_name(sweep / name, relative_to), row))
    return missing


def with_missing(table: "DataFrame", missing: Sequence[MissingRun]) -> "DataFrame":
    """The runs table, with a row for each missing run after the others."""
    if not missing:
        return table
    import pandas

    rows = [
        {"directory": one.directory, "status": "missing"} | {name: one.planned.get(name) for name in _PLANNED}
        for one in missing
    ]
    # As objects, since whole numbers would become floats next to empty cells.
    more = pandas.DataFrame(rows, columns=table.columns, dtype=object)
    return pandas.concat([table.astype(object), more], ignore_index=True)


def unsupported(
    findings: Sequence[Finding], runs: Sequence[FoundRun], effects: Sequence[Effect]
) -> list[str]:
    """A line for each finding whose cited effect these runs do not show.

    runs: those behind the effects. An effect supports a finding if its decision is the cited direction. If
    the finding's run is an arm of the cited parameter, only its level counts, otherwise any level. Findings
    about effects that were not measured are skipped.
    """
    lines = []
    for finding in findings:
        cited = finding.effect
        found = [] if cited is None else _effects_cited(finding, cited, runs, effects)
        if cited is None or not found or any(effect.decision == cited.direction for effect in found):
            continue
        num_newer = sum(_ended_after(run, finding.date) for run in runs)
        newer = f"with {counted(num_newer, 'newer run')}, " if num_newer else ""
        verdicts = "; ".join(f"{effect.value}: {effect.verdict}" for effect in found)
        lines.append(
            f"finding of {finding.date[:10]}, “{_quoted(finding.text)}”: {newer}these runs "
            f"{'no longer support' if num_newer else 'do not support'} that {cited.parameter} "
            f"{cited.direction} {cited.metric} ({verdicts})"
        )
    return lines


def _effects_cited(
    finding: Finding, cited: CitedEffect, runs: Sequence[FoundRun], effects: Sequence[Effect]
) -> list[Effect]:
    found = [
        effect for effect in effects if (effect.parameter, effect.metric) == (cited.parameter, cited.metric)
    ]
    change = next((run.record.change for run in runs if run.record.run_id == finding.run_id), None)
    if change is not None and change.parameter == cited.parameter:
        return [effect for effect in found if effect.value == level_cell(change.value)]
    return found


def _ended_after(run: FoundRun, date: str) -> bool:
    """By the time at which run.json was last written."""
    written = (run.directory / RUN_FILE).stat().st_mtime
    noted = datetime.fromisoformat(date)
    return datetime.fromtimestamp(written, UTC) > (noted if noted.tzinfo else noted.replace(tzinfo=UTC))


def _quoted(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _MAX_QUOTED else f"{words[: _MAX_QUOTED - 1].rstrip()}…"


def _draw(paired: PairedRuns, effects: Sequence[Effect], folder: Path) -> list[Path]:
    from musicgen.effects.figures.draw import draw_on_all_cores

    return draw_on_all_cores(drawings_of(paired, effects), folder)


def drawings_of(
    paired: PairedRuns, effects: Sequence[Effect], *, max_columns: int = 4
) -> "dict[str, Drawing]":
    """How to draw each figure of the runs, by file name without suffix.

    max_columns: limit for the panels in a row.
    """
    # matplotlib takes a second to import, which a command that only prints should not wait for.
    from musicgen.effects.figures.draw import study_drawings
    from musicgen.effects.figures.study import DrawnStudy

    histories = {run: rows for run in paired.runs if (rows := run.history_rows()) is not None}
    return study_drawings(DrawnStudy(paired, effects, histories), max_columns)
