"""Figures of a search's parameters: the objectives over each of them, and the values of every trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from musicgen.effects.figures.style import (
    CATEGORY_COLOURS,
    CORPUS_COLOUR,
    FAILURE_COLOUR,
    QUIET_COLOUR,
    TEXT_SIZE,
    label_axes,
    legend_below,
    metric_unit,
    new_figure,
    rule_lightly,
    title_panel,
)
from musicgen.metrics.registry import metric_words
from musicgen.records.naming import level_of, shown_level
from musicgen.search.importance import Measured, comparable_values
from musicgen.search.trials import Trial, Trials, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STATUS_COLOURS = {
    "complete": CATEGORY_COLOURS[0],
    "pruned": CORPUS_COLOUR,
    "diverged": FAILURE_COLOUR,
    "failed": FAILURE_COLOUR,
    "running": CATEGORY_COLOURS[4],
}


def slices_figure(trials: Trials, max_columns: int = 4) -> Figure:
    """Each objective over each parameter, after equally many iterations."""
    compared = comparable_values(trials)
    columns = min(len(trials.parameters), max_columns)
    rows = -(-len(trials.parameters) // columns)
    words = " and ".join(measured.words for measured in compared)
    figure, panels = new_figure(
        f"{words[0].upper()}{words[1:]} over each parameter",
        rows * len(compared),
        columns,
        width=2.4 * columns,
        height=0.6 + 2.3 * rows * len(compared),
    )
    for turn, measured in enumerate(compared):
        own = panels[turn * rows * columns : (turn + 1) * rows * columns]
        for panel in own[len(trials.parameters) :]:
            panel.remove()
        for panel, parameter in zip(own, trials.parameters, strict=False):
            _draw_slice(panel, parameter, trials, measured)
    statuses = dict.fromkeys(trial.status for measured in compared for trial in measured.of(trials))
    if len(statuses) > 1:
        handles, labels = panels[0].get_legend_handles_labels()
        pairs = zip(handles, labels, strict=True)
        legend_below(figure, [handle for handle, status in pairs if status in statuses])
    return figure


def _draw_slice(panel: Axes, parameter: str, trials: Trials, measured: Measured) -> None:
    shown = [trial for trial in measured.of(trials) if parameter in trial.levels]
    places = _Places.of(parameter, trials, shown)
    for status, colour in STATUS_COLOURS.items():
        own = [trial for trial in shown if trial.status == status]
        panel.plot(
            [places.place(trial) for trial in own],
            [measured.values[trial.number] for trial in own],
            "o",
            color=colour,
            markersize=4,
            label=status,
        )
    places.label(panel)
    title_panel(panel, parameter)
    unit = metric_unit(measured.metric)
    is_alone = len(trials.objectives) == 1
    label_axes(panel, "", unit if is_alone else f"{metric_words(measured.metric)}, {unit}")
    rule_lightly(panel, "y")


def parallel_coordinates_figure(trials: Trials) -> Figure:
    """One line per trial through its values; complete runs are coloured by the first objective."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    objective = trials.objectives[0]
    width = max(5.0, 1.3 * len(trials.parameters) + 1.5)
    figure, (panel,) = new_figure("Where the search looked", 1, 1, width=width, height=3.8)
    columns = [_Places.of(parameter, trials, trials.trials) for parameter in trials.parameters]
    values = {trial.number: trial.values[0] for trial in trials.complete if trial.values}
    # Viridis is dark where values are low; the best are to be dark.
    colours = colormaps["viridis_r" if objective.is_maximized else "viridis"]
    scale = ScalarMappable(Normalize(min(values.values()), max(values.values())), colours) if values else None
    # Draw the best last, on top.
    for trial in reversed(trials.ordered):
        heights = [places.share(trial) for places in columns]
        if scale is not None and trial.number in values:
            (colour,), line_width, order = scale.to_rgba(np.array([values[trial.number]])), 1.6, 2
        else:
            colour, line_width, order = STATUS_COLOURS.get(trial.status, QUIET_COLOUR), 0.7, 1
        panel.plot(range(len(columns)), heights, color=colour, linewidth=line_width, zorder=order)
    panel.set_yticks([])
    panel.set_xticks(range(len(columns)), [name.rpartition(".")[2] for name in trials.parameters])
    panel.spines["left"].set_visible(False)
    panel.margins(x=0.08)
    for place, column in enumerate(columns):
        panel.axvline(place, color=QUIET_COLOUR, linewidth=0.6, zorder=0)
        for share, words in column.marks():
            panel.annotate(
                words,
                (place, share),
                xytext=(3, 0),
                textcoords="offset points",
                fontsize=TEXT_SIZE,
                va="center",
                bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
            )
    if scale is not None:
        bar = figure.colorbar(scale, ax=panel, pad=0.02)
        unit = metric_unit(objective.metric)
        bar.set_label(f"{metric_words(objective.metric)}, {unit}", fontsize=TEXT_SIZE)
        bar.ax.tick_params(labelsize=TEXT_SIZE)
    title_panel(
        panel, "Values of every trial", "coloured: complete runs; grey: pruned; red: diverged or failed"
    )
    return figure


class _Places:
    """Positions of a parameter's values on an axis: numbers by value, others one after another."""

    def __init__(self, parameter: str, values: Sequence[Value], is_log: bool) -> None:
        self._parameter, self._is_log = parameter, is_log
        numbers = [float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
        self._is_numeric = len(numbers) == len(values)
        self._levels: list[Value] = [*sorted(numbers)] if self._is_numeric else sorted(values, key=str)

    @classmethod
    def of(cls, parameter: str, trials: Trials, shown: Sequence[Trial]) -> _Places:
        """The positions of the values of these trials."""
        levels = list(dict.fromkeys(one.levels[parameter] for one in shown if parameter in one.levels))
        return cls(parameter, levels, trials.is_log(parameter))

    def place(self, trial: Trial) -> float:
        """Position in units of the axis."""
        return self._place(trial.levels[self._parameter])

    def share(self, trial: Trial) -> float:
        """Position between 0 and 1; NaN if the trial does not have the parameter."""
        has_it = self._parameter in trial.levels
        return self._share(trial.levels[self._parameter]) if has_it else float("nan")

    def _place(self, level: Value) -> float:
        if self._is_numeric and level is not None:
            return float(level)
        return float(self._levels.index(level))

    def _share(self, level: Value) -> float:
        ends = [self._place(one) for one in (self._levels[0], self._levels[-1], level)]
        low, high, value = np.log(ends) if self._is_log else ends
        return float((value - low) / (high - low)) if high > low else 0.5

    def marks(self) -> list[tuple[float, str]]:
        """Height and text of the labels of an axis: the ends, or all of up to five values."""
        levels = self._levels if len(self._levels) <= 5 else [self._levels[0], self._levels[-1]]
        return [(self._share(level), _shown(level)) for level in levels]

    def label(self, panel: Axes) -> None:
        """Set the scale and ticks of the horizontal axis."""
        if not self._is_numeric:
            panel.set_xticks(range(len(self._levels)), [_shown(level) for level in self._levels])
            panel.margins(x=0.3)
        elif self._is_log:
            panel.set_xscale("log")


def _shown(level: Value) -> str:
    is_rough = isinstance(level, float) and not level.is_integer()
    return f"{level:.2g}" if is_rough else shown_level(level_of(level))
