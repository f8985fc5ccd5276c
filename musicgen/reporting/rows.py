"""The tables of a report: its runs, and the baseline beside real tunes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from musicgen.metrics.registry import ARROWS, HEADLINE, METRICS
from musicgen.reporting.material import Material
from musicgen.study import pairing
from musicgen.study.figure_arms import Arm, level_of, shown_level
from musicgen.study.figure_style import metric_title
from musicgen.study.runs import FoundRun, directory_name
from musicgen.study.verdict import brief


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row of the runs table."""

    change: str
    level: str
    seed: int
    status: str
    values: tuple[float | None, ...]
    """Of the metrics of the table's head."""
    iterations: float | None
    seconds: float | None
    directory: str
    run_id: str
    error: str
    command: str


@dataclass(frozen=True, slots=True)
class Level:
    """What the baseline measures, beside real tunes and a model that only counts."""

    metric: str
    title: str
    description: str
    arrow: str
    values: tuple[float, ...]
    """One a seed."""
    reference: Mapping[str, float] | None
    floor: float | None

    @property
    def mean(self) -> float | None:
        """Over the seeds."""
        return sum(self.values) / len(self.values) if self.values else None


def change_words(run: FoundRun) -> str:
    """What makes the run different from the baseline."""
    change = run.record.change
    if change is None:
        return "baseline"
    return _words(str(change["parameter"]), change["value"], change["baseline_value"])


def arm_words(arm: pairing.Arm) -> str:
    """What makes the arm, such as "model.cell = gru"."""
    return "baseline" if arm.change is None else _words(arm.change.parameter, arm.change.value, None)


def _words(parameter: str, value: object, baseline_value: object) -> str:
    arm = Arm(parameter, level_of(value), level_of(baseline_value))
    return " ".join(arm.label.split())


def table_metrics(material: Material) -> list[str]:
    """The columns of the runs table: primary and headline metrics, as far as a run has them."""
    present = {name for run in material.all_runs for name in run.record.metrics}
    return [name for name in dict.fromkeys([*material.primary_metrics, *HEADLINE]) if name in present]


def baseline_levels(material: Material) -> list[Level]:
    """The baseline's headline metrics, those that it has."""
    runs = material.star.baseline.runs
    levels = []
    for name in dict.fromkeys([*material.primary_metrics, *HEADLINE]):
        values = tuple(value for run in runs if (value := run.value(name)) is not None)
        if not values:
            continue
        known = next((run.record for run in runs if name in run.record.reference), None)
        floors = [run.record.floor[name] for run in runs if name in run.record.floor]
        metric = METRICS.get(name)
        levels.append(
            Level(
                name,
                metric_title(name),
                metric.description if metric else "",
                ARROWS[metric.direction] if metric else "",
                values,
                known.reference[name] if known else None,
                sum(floors) / len(floors) if floors else None,
            )
        )
    return levels


def run_row(run: FoundRun, metrics: Sequence[str], root: Path) -> RunRow:
    """The run's row; directories are told from the root."""
    record = run.record
    change: Mapping[str, Any] = record.change or {}
    parameter = str(change.get("parameter", "baseline"))
    if record.retuned:
        parameter += ", re-tuned " + ", ".join(f"{name} = {value}" for name, value in record.retuned.items())
    return RunRow(
        change=parameter,
        level=shown_level(level_of(change["value"])) if change else "",
        seed=record.seed,
        status="running or killed" if record.status == "running" else record.status,
        values=tuple(run.value(name) for name in metrics),
        iterations=record.timing.get("trained_iterations"),
        seconds=record.timing.get("total_seconds"),
        directory=directory_name(run, root),
        run_id=record.run_id,
        error=" ".join((record.error or "").split()),
        command=record.command,
    )


def shown_number(value: float | None) -> str:
    """A number of a table: three digits that count, a dash for none."""
    if value is None or math.isnan(value):
        return "–"
    return (
        f"{value:,.0f}"
        if abs(value) >= 1000
        else f"{value:.3f}"
        if abs(value) >= 0.0005 or value == 0
        else brief(value)
    )
