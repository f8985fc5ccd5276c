"""Runs that vary several parameters at once, such as a grid: every configuration, the best one first.

No run declares a change there, and none is the baseline. Effects are still compared along single changes,
from a configuration that pairing chooses; most of the runs take no part in that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import mean, stdev

from rich.table import Table

from musicgen.effects.differences import differing_parameters
from musicgen.effects.pairing import PairedRuns, configurations_of
from musicgen.metrics.registry import METRICS, Direction, metric_words
from musicgen.records.naming import level_of, parameter_name, shown_change, shown_level
from musicgen.records.runs import FoundRun
from musicgen.system.terminal import plain
from musicgen.system.words import brief, counted, listed

MAX_CELLS, _MAX_PARAMETERS, _MAX_METRICS = 20, 6, 4
"""Rows, and columns for parameters and metrics, of the printed table."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One configuration."""

    values: tuple[object, ...]
    """One for each of the grid's parameters."""
    runs: tuple[FoundRun, ...]
    """One for each seed."""

    def measured(self, metric: str) -> list[float]:
        """The metric of each run that has it."""
        return [value for run in self.runs if (value := run.value(metric)) is not None]


@dataclass(frozen=True, slots=True)
class Grid:
    """The configurations and what sets them apart."""

    parameters: tuple[str, ...]
    cells: tuple[Cell, ...]

    def ranked(self, metric: str) -> list[Cell]:
        """The cells, the best mean of this metric first and those without a value last."""
        return sorted(self.cells, key=lambda cell: _badness(cell, metric))

    def name(self, cell: Cell) -> str:
        """Such as "batch_size=8, hidden_size=64"."""
        return ", ".join(map(shown_change, self.parameters, cell.values))

    def lines(self, metric: str) -> list[str]:
        """What varies, and the best cell by this metric."""
        levels = [list(dict.fromkeys(shown_level(level_of(v)) for v in column)) for column in self._columns]
        varied = listed(
            [
                f"{parameter_name(name)} ({', '.join(found) if len(found) <= 8 else f'{len(found)} values'})"
                for name, found in zip(self.parameters, levels, strict=True)
            ]
        )
        lines = [f"varied: {varied}"]
        best = self.ranked(metric)[0]
        if values := best.measured(metric):
            lines.append(
                f"best of {len(self.cells)}: {self.name(best)}, {metric_words(metric)} {mean(values):.4f}, "
                f"{counted(len(values), 'seed')}; the best of many is partly luck: repeat it with fresh seeds"
            )
        return lines

    def table(self, metrics: Sequence[str]) -> Table:
        """A row for each cell, ordered by the first of the metrics; mean ± SD over seeds."""
        title = f"{counted(len(self.cells), 'configuration')}, best {metric_words(metrics[0])} first"
        table = Table(title=title, box=None, pad_edge=False, header_style="bold", title_justify="left")
        for name in self.parameters[:_MAX_PARAMETERS]:
            table.add_column(plain(parameter_name(name)), no_wrap=True)
        table.add_column("seeds", justify="right")
        for metric in metrics[:_MAX_METRICS]:
            table.add_column(plain(metric_words(metric)), justify="right", no_wrap=True)
        for cell in self.ranked(metrics[0])[:MAX_CELLS]:
            table.add_row(
                *(plain(shown_level(level_of(value))) for value in cell.values[:_MAX_PARAMETERS]),
                str(len(cell.runs)),
                *(_spread(cell.measured(metric)) for metric in metrics[:_MAX_METRICS]),
            )
        return table

    @property
    def _columns(self) -> list[list[object]]:
        """The values of each parameter."""
        return [list(column) for column in zip(*(cell.values for cell in self.cells), strict=True)]


def grid_of(paired: PairedRuns) -> Grid | None:
    """The grid that these runs make; None if a study declares them, or one parameter at a time varies."""
    if paired.is_declared or not paired.left_out:
        return None
    runs = sorted([*paired.runs, *paired.left_out], key=lambda run: str(run.directory))
    configurations = configurations_of(runs)
    first = configurations[runs[0]]
    different = (differing_parameters(first, one) for one in configurations.values())
    names = list(dict.fromkeys(chain.from_iterable(different)))
    cells: dict[str, tuple[tuple[object, ...], list[FoundRun]]] = {}
    for run in runs:
        values = tuple(configurations[run].get(name) for name in names)
        cells.setdefault(repr(values), (values, []))[1].append(run)
    if len(names) < 2:
        return None
    return Grid(tuple(names), tuple(Cell(values, tuple(members)) for values, members in cells.values()))


def _badness(cell: Cell, metric: str) -> float:
    values = cell.measured(metric)
    if not values:
        return math.inf
    known = METRICS.get(metric)
    if known is None or known.direction is Direction.HIGHER:
        return -mean(values)
    if known.direction is Direction.LOWER:
        return mean(values)
    targets = (run.record.reference[metric]["mean"] for run in cell.runs if metric in run.record.reference)
    return abs(mean(values) - next(targets, 0.0))


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "–"
    return f"{mean(values):.4f}" + (f" ± {brief(stdev(values))}" if len(values) > 1 else "")
