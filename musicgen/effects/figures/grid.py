"""Every cell of a grid of two parameters, such as that of hydra/sweeper=basic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from musicgen.effects.differences import CORPUS_TEXT
from musicgen.effects.effect import ROUNDING
from musicgen.effects.figures.study import DrawnStudy, how_runs_ended, measured
from musicgen.effects.figures.style import (
    BASELINE_COLOUR,
    TEXT_SIZE,
    label_axes,
    legend_below,
    metric_direction,
    metric_title,
    new_figure,
    title_panel,
)
from musicgen.effects.pairing import configurations_of
from musicgen.metrics.registry import METRICS, Direction
from musicgen.records.naming import as_number, level_of, shown_level
from musicgen.records.runs import FoundRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_LEVELS = 12
_MAX_PANELS = 3
_CELL_INCHES = (1.1, 0.66)
_MAX_CLIPPED = 4.0
"""Cells this many times farther below the best than the median cell have the lightest colour."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A parameter of the grid."""

    name: str
    levels: Sequence[str]
    """Numbers ascending, anything else in the order of the runs."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The runs of each pair of levels."""

    rows: Factor
    columns: Factor
    cells: Mapping[tuple[int, int], Sequence[FoundRun]]
    """(row, column) -> one run for each seed."""
    baseline: tuple[int, int] | None
    """The cell that the effects are counted from."""


def grid_figure(study: DrawnStudy) -> Figure | None:
    """A heat map of the primary metrics over two parameters; None unless the runs fill more than a cross.

    A cell has the mean over its seeds, and the lowest and highest seed. The darker, the better; the best mean
    of each metric is marked, among cells without a failed run. A metric that is the same everywhere is left
    out.
    """
    from matplotlib.patches import Patch

    grid = find_grid(study)
    if grid is None:
        return None
    metrics = [metric for metric in study.primary_metrics if _differs(grid, metric)][:_MAX_PANELS]
    if not metrics:
        return None
    num_rows, num_columns = len(grid.rows.levels), len(grid.columns.levels)
    figure, panels = new_figure(
        f"{grid.rows.name} × {grid.columns.name}: every cell",
        1,
        len(metrics),
        width=1.2 + len(metrics) * (0.5 + _CELL_INCHES[0] * num_columns),
        height=1.7 + _CELL_INCHES[1] * num_rows,
    )
    for panel, metric in zip(panels, metrics, strict=True):
        _draw_cells(panel, study, grid, metric)
        panel.set_yticks(
            range(num_rows), list(map(shown_level, grid.rows.levels)) if panel is panels[0] else []
        )
        label_axes(panel, grid.columns.name, grid.rows.name if panel is panels[0] else "")
        title_panel(panel, metric_title(metric), metric_direction(metric))
    frame = Patch(fill=False, edgecolor=BASELINE_COLOUR, linewidth=1.8, label="★ best mean of complete cells")
    legend_below(figure, [frame], "A cell has the mean, and the lowest and highest seed. Darker is better.")
    return figure


def find_grid(study: DrawnStudy) -> Grid | None:
    """The grid of two parameters that the runs, including those of no arm, fill; None without one."""
    runs = [run for run in study.runs if not run.record.retuned]
    found = _factors(runs)
    if len(found) != 2:
        return None
    (first, levels), (second, others) = found.items()
    rows, columns = _factor(first, levels), _factor(second, others)
    if len(rows.levels) > len(columns.levels):
        rows, columns, levels, others = columns, rows, others, levels
    if len(columns.levels) > _MAX_LEVELS:
        return None
    places = {
        run: (rows.levels.index(row), columns.levels.index(column))
        for run, row, column in zip(runs, levels, others, strict=True)
    }
    cells: dict[tuple[int, int], dict[int, FoundRun]] = {}
    for run in sorted(runs, key=lambda run: run.record.status != "complete"):
        cells.setdefault(places[run], {}).setdefault(run.record.seed, run)
    # Changing one thing at a time fills a cross, which the figure of effects shows.
    if len(cells) < len(rows.levels) + len(columns.levels):
        return None
    baseline = {places[run] for run in study.baseline_runs}
    kept = {
        place: sorted(by_seed.values(), key=lambda run: run.record.seed) for place, by_seed in cells.items()
    }
    return Grid(rows, columns, kept, baseline.pop() if len(baseline) == 1 else None)


def _factors(runs: Sequence[FoundRun]) -> dict[str, list[str]]:
    """Parameter -> its level in each run. Of parameters that always change together, the first."""
    # A run that failed early does not know its corpus's text.
    leaves = [
        {name: value for name, value in own.items() if name != CORPUS_TEXT}
        for own in configurations_of(runs).values()
    ]
    found: dict[tuple[int, ...], str] = {}
    levels: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for own in leaves for name in own):
        levels[name] = [level_of(own.get(name)) for own in leaves]
        order = list(dict.fromkeys(levels[name]))
        if len(order) > 1:
            found.setdefault(tuple(map(order.index, levels[name])), name)
    return {name: levels[name] for name in found.values()}


def _factor(name: str, levels: Sequence[str]) -> Factor:
    def place(level: str) -> float:
        number = as_number(level)
        return math.inf if number is None else number

    return Factor(name, sorted(dict.fromkeys(levels), key=place))


def _differs(grid: Grid, metric: str) -> bool:
    means = list(_means(grid, metric).values())
    return len(means) > 1 and max(means) - min(means) > ROUNDING * abs(max(means))


def _means(grid: Grid, metric: str) -> dict[tuple[int, int], float]:
    values = {place: measured(runs, metric) for place, runs in grid.cells.items()}
    return {place: sum(known) / len(known) for place, known in values.items() if known}


def _scores(study: DrawnStudy, metric: str, means: Mapping[tuple[int, int], float]) -> list[float]:
    """How good each mean is, higher is better; all equal where nothing says what is."""
    direction = METRICS[metric].direction if metric in METRICS else None
    target = study.reference(metric)
    if direction is Direction.HIGHER:
        return list(means.values())
    if direction is Direction.LOWER:
        return [-mean for mean in means.values()]
    return [0.0 if target is None else -abs(mean - target[0]) for mean in means.values()]


def _draw_cells(panel: Axes, study: DrawnStudy, grid: Grid, metric: str) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    means = _means(grid, metric)
    scores = dict(zip(means, _scores(study, metric, means), strict=True))
    whole = {place: score for place, score in scores.items() if not how_runs_ended(grid.cells[place])}
    marked = [place for place, score in whole.items() if score == max(whole.values())]
    if len(set(scores.values())) == 1:
        # Nothing says what is better.
        marked = []
    best, median = max(scores.values()), float(np.median(list(scores.values())))
    lowest = max(min(scores.values()), best - _MAX_CLIPPED * (best - median)) if best > median else median
    shades = {
        place: 0.05 + 0.75 * max(score - lowest, 0.0) / ((best - lowest) or 1.0)
        for place, score in scores.items()
    }
    for row in range(len(grid.rows.levels)):
        for column in range(len(grid.columns.levels)):
            place = row, column
            is_best = place in marked
            shade = shades.get(place)
            colour = "white" if shade is None else colormaps["Blues"](shade)
            panel.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=2)
            )
            if is_best:
                panel.add_patch(
                    Rectangle(
                        (column - 0.45, row - 0.43),
                        0.9,
                        0.86,
                        fill=False,
                        edgecolor=BASELINE_COLOUR,
                        linewidth=1.8,
                        label="best",
                    )
                )
            panel.text(
                column,
                row,
                _words(grid, metric, place, is_best=is_best),
                ha="center",
                va="center",
                fontsize=TEXT_SIZE,
                color="white" if shade is not None and shade > 0.55 else BASELINE_COLOUR,
            )
    panel.set_xlim(-0.5, len(grid.columns.levels) - 0.5)
    panel.set_ylim(-0.5, len(grid.rows.levels) - 0.5)
    panel.set_xticks(range(len(grid.columns.levels)), list(map(shown_level, grid.columns.levels)))
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def _words(grid: Grid, metric: str, place: tuple[int, int], *, is_best: bool) -> str:
    runs = grid.cells.get(place)
    if not runs:
        return "not run"
    values = measured(runs, metric)
    lines = [f"{'★ ' if is_best else ''}{sum(values) / len(values):.3f}"] if values else []
    if len(values) > 1:
        lines.append(f"{min(values):.3f} to {max(values):.3f}")
    if ending := how_runs_ended(runs) or ("" if values else "no value"):
        lines.append(ending)
    if place == grid.baseline:
        lines.append("(baseline)")
    return "\n".join(lines)
