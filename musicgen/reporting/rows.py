"""The tables of a report: its runs, and the baseline beside real tunes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from musicgen.effects.figures.style import metric_title
from musicgen.metrics.registry import ARROWS, HEADLINE, METRICS
from musicgen.records.runs import FoundRun, directory_name
from musicgen.reporting.labels import run_cells
from musicgen.reporting.material import Material
from musicgen.reporting.portable import without_folders
from musicgen.system.words import brief


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row of the runs table."""

    run_id: str
    change: str
    level: str
    seed: int
    status: str
    values: tuple[float | None, ...]
    """Of the metrics of the table's head."""
    iterations: float | None
    seconds: float | None
    directory: str
    error: str


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


def run_row(run: FoundRun, metrics: Sequence[str], material: Material) -> RunRow:
    """The run's row; directories are told from the study's folder."""
    record = run.record
    change, level = run_cells(run, material)
    return RunRow(
        run_id=record.run_id,
        change=change,
        level=level,
        seed=record.seed,
        status="running or killed" if record.status == "running" else record.status,
        values=tuple(run.value(name) for name in metrics),
        iterations=record.timing.get("trained_iterations"),
        seconds=record.timing.get("total_seconds"),
        directory=directory_name(run, material.root),
        error=without_folders(" ".join((record.error or "").split())),
    )


def shown_number(value: float | None) -> str:
    """A number of a table: three digits that count, a dash for none."""
    if value is None or math.isnan(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) >= 0.0005 or value == 0 else brief(value)
