"""The tables of a report: runs, named by what sets them apart, and the baseline next to real tunes."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from musicgen.config import IDENTITY_GROUPS
from musicgen.effects.figures.style import metric_title
from musicgen.effects.pairing import Arm
from musicgen.metrics.registry import ARROWS, METRICS, summary_metrics
from musicgen.metrics.standing import standing
from musicgen.records.naming import arm_name, arm_of, level_of, overrides_name, shown_change, shown_level
from musicgen.records.runs import FoundRun, flat_config, path_name
from musicgen.reporting.portable import without_folders
from musicgen.reporting.study_data import StudyData
from musicgen.system.words import brief

SAME = "same as another run"
_NOT_CHANGES = ("data.split_seed", "training.num_threads")
"""Settings that may differ without making another arm."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row of the runs table."""

    run_id: str
    change: str
    level: str
    seed: int
    status: str
    values: tuple[float | None, ...]
    """One for each metric column."""
    iterations: float | None
    seconds: float | None
    directory: str
    error: str


@dataclass(frozen=True, slots=True)
class BaselineMetric:
    """One metric of the baseline, with real tunes and a counting model to compare."""

    metric: str
    title: str
    description: str
    arrow: str
    values: tuple[float, ...]
    """One for each seed."""
    reference: Mapping[str, float] | None
    floor: float | None

    @property
    def mean(self) -> float | None:
        """The mean over seeds; None without a value."""
        return sum(self.values) / len(self.values) if self.values else None

    @property
    def standing(self) -> str:
        """Where it stands between floor and corpus, in words; "" without a reference."""
        return (
            "" if self.reference is None else standing(self.metric, self.values, self.reference, self.floor)
        )


def table_metrics(study: StudyData) -> list[str]:
    """The metric columns of the runs table: primary and headline metrics that any run has."""
    present = {name for run in study.all_runs for name in run.record.metrics}
    return [name for name in dict.fromkeys([*study.primary_metrics, *summary_metrics()]) if name in present]


def baseline_metrics(study: StudyData) -> list[BaselineMetric]:
    """The primary and headline metrics that the baseline has."""
    runs = study.paired.baseline.runs
    rows = []
    for name in dict.fromkeys([*study.primary_metrics, *summary_metrics()]):
        values = tuple(value for run in runs if (value := run.value(name)) is not None)
        if not values:
            continue
        known = next((run.record for run in runs if name in run.record.reference), None)
        floors = [run.record.floor[name] for run in runs if name in run.record.floor]
        metric = METRICS.get(name)
        rows.append(
            BaselineMetric(
                name,
                metric_title(name),
                metric.description if metric else "",
                ARROWS[metric.direction] if metric else "",
                values,
                known.reference[name] if known else None,
                sum(floors) / len(floors) if floors else None,
            )
        )
    return rows


def run_row(run: FoundRun, metrics: Sequence[str], study: StudyData) -> RunRow:
    """The run's row; its directory is relative to the study's folder."""
    record = run.record
    change, level = _run_cells(run, study)
    return RunRow(
        run_id=record.run_id,
        change=change,
        level=level,
        seed=record.seed,
        status="running or killed" if record.status == "running" else record.status,
        values=tuple(run.value(name) for name in metrics),
        iterations=record.timing.get("trained_iterations"),
        seconds=record.timing.get("total_seconds"),
        directory=path_name(run.directory, study.root),
        error=without_folders(" ".join((record.error or "").split())),
    )


def arm_words(arm: Arm) -> str:
    """Such as "cell=gru"."""
    return arm_name(arm.change)


def run_words(run: FoundRun, study: StudyData) -> str:
    """What makes the run different, even if it belongs to no arm, such as a trial of a search."""
    if run in study.paired.left_out:
        return _run_cells(run, study)[0]
    if run.record.change is None and not study.paired.is_declared:
        return _own_settings(run, study)
    return arm_name(run.record.change, run.record.retuned)


def _run_cells(run: FoundRun, study: StudyData) -> tuple[str, str]:
    """Parameter and level; for a run that belongs to no arm, all its differences and ""."""
    if run in study.paired.left_out and not run.is_screening:
        return _words(_differences(run, study.paired.baseline.runs[0])) or SAME, ""
    change = run.record.change
    parameter = arm_name(None) if change is None else change.parameter
    if change is None and not study.paired.is_declared:
        parameter = _own_settings(run, study)
    level = "" if change is None else shown_level(level_of(change.value))
    if run.record.retuned:
        level = ", ".join(part for part in (level, f"re-tuned {_words(run.record.retuned)}") if part)
    return parameter, level


def _own_settings(run: FoundRun, study: StudyData) -> str:
    """A run of the configuration that others are compared with, where no study calls it the baseline.

    It has the name of what varies; a sweep of seeds alone has a baseline, and a run by itself its overrides.
    """
    paired = study.paired
    varied = dict.fromkeys(arm.change.parameter for arm in paired.arms if arm.change is not None)
    for other in paired.left_out:
        varied |= dict.fromkeys(_differences(other, run))
    if varied:
        return _words({name: run.setting(name) for name in varied})
    if (arm := arm_of(None, None, {}, run.directory)) is not None:
        return arm
    words = shlex.split(run.record.command)[3:]
    return overrides_name([word for word in words if not word.startswith("--")])


def _differences(run: FoundRun, baseline: FoundRun) -> dict[str, object]:
    """Parameter -> value for every setting that differs from the baseline's, seeds aside."""
    own, other = (
        flat_config({name: content for name, content in one.record.config.items() if name in IDENTITY_GROUPS})
        for one in (run, baseline)
    )
    return {
        name: value for name, value in own.items() if value != other.get(name) and name not in _NOT_CHANGES
    }


def _words(changes: Mapping[str, object]) -> str:
    return ", ".join(shown_change(name, value) for name, value in changes.items())


def shown_number(value: float | None) -> str:
    """A number for a table cell, with three decimals; a dash for a missing one."""
    if value is None or math.isnan(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) >= 0.0005 or value == 0 else brief(value)
