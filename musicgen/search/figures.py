"""Figures of a search: its history, the loss over each parameter, and the values that were tried."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from musicgen.effects.figures.style import (
    CATEGORY_COLOURS,
    CORPUS_COLOUR,
    FAILURE_COLOUR,
    QUIET_COLOUR,
    TEXT_SIZE,
    label_axes,
    new_figure,
    rule_lightly,
    title_panel,
)
from musicgen.records.naming import level_of, shown_level
from musicgen.search.importance import EVALUATOR, Importance, comparable_losses
from musicgen.search.trials import Trial, Trials, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STATUS_COLOURS = {
    "complete": CATEGORY_COLOURS[0],
    "pruned": CORPUS_COLOUR,
    "diverged": FAILURE_COLOUR,
    "failed": FAILURE_COLOUR,
    "running": CATEGORY_COLOURS[4],
}
_LOSS = "nats per character"


def search_figures(
    trials: Trials, shares: Importance | None = None, max_columns: int = 4
) -> dict[str, Figure]:
    """Every figure that has enough trials, by file name without suffix."""
    figures: dict[str, Figure] = {}
    if len(trials.complete) >= 2:
        figures["history"] = history_figure(trials)
    if len(comparable_losses(trials)[1]) >= 2:
        figures["slices"] = slices_figure(trials, max_columns)
        figures["parallel_coordinates"] = parallel_coordinates_figure(trials)
    if shares is not None and shares.shares:
        figures["importance"] = importance_figure(shares)
    return figures


def history_figure(trials: Trials) -> Figure:
    """The loss of each complete run and the lowest so far; ticks at the bottom for the other trials."""
    figure, (panel,) = new_figure("Trial after trial", 1, 1, width=6.4, height=3.4)
    complete = sorted(trials.complete, key=lambda trial: trial.number)
    numbers, losses = [trial.number for trial in complete], [trial.loss or 0.0 for trial in complete]
    lowest = list(accumulate(losses, min))
    last = max(trial.number for trial in trials.trials)
    panel.step(
        [*numbers, last], [*lowest, lowest[-1]], where="post", color=CATEGORY_COLOURS[1], linewidth=1.4
    )
    panel.plot(numbers, losses, "o", color=_STATUS_COLOURS["complete"], markersize=4.5, label="complete")
    for status in ("pruned", "diverged", "failed"):
        ended = [trial.number for trial in trials.trials if trial.status == status]
        if ended:
            marker = "|" if status == "pruned" else "x"
            panel.plot(
                ended,
                [0.02] * len(ended),
                marker,
                color=_STATUS_COLOURS[status],
                transform=panel.get_xaxis_transform(),
                label=status,
            )
    title_panel(
        panel, "Validation loss of complete runs", "line: the lowest so far; ticks: trials without one"
    )
    label_axes(panel, "trial", _LOSS)
    panel.margins(y=0.12)
    rule_lightly(panel, "y")
    panel.legend(frameon=False, fontsize=TEXT_SIZE)
    return figure


def slices_figure(trials: Trials, max_columns: int = 4) -> Figure:
    """The loss of each trial over each parameter, after equally many iterations."""
    measure, losses = comparable_losses(trials)
    measured = [trial for trial in trials.trials if trial.number in losses]
    columns = min(len(trials.parameters), max_columns)
    rows = -(-len(trials.parameters) // columns)
    title = f"{measure[0].upper()}{measure[1:]} over each parameter"
    figure, panels = new_figure(title, rows, columns, width=2.4 * columns, height=0.6 + 2.3 * rows)
    for panel in panels[len(trials.parameters) :]:
        panel.remove()
    for panel, parameter in zip(panels, trials.parameters, strict=False):
        places = _Places.of(parameter, trials, measured)
        for status, colour in _STATUS_COLOURS.items():
            own = [trial for trial in measured if trial.status == status]
            panel.plot(
                [places.place(trial) for trial in own],
                [losses[trial.number] for trial in own],
                "o",
                color=colour,
                markersize=4,
                label=status,
            )
        places.label(panel)
        title_panel(panel, parameter)
        label_axes(panel, "", _LOSS)
        rule_lightly(panel, "y")
    statuses = dict.fromkeys(trial.status for trial in measured)
    if len(statuses) > 1:
        handles, labels = panels[0].get_legend_handles_labels()
        kept = [pair for pair in zip(handles, labels, strict=True) if pair[1] in statuses]
        figure.legend(
            *map(list, zip(*kept, strict=True)),
            loc="outside lower left",
            ncols=len(kept),
            frameon=False,
            fontsize=TEXT_SIZE,
        )
    return figure


def parallel_coordinates_figure(trials: Trials) -> Figure:
    """One line per trial through its values; complete runs are coloured by their loss."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    width = max(5.0, 1.3 * len(trials.parameters) + 1.5)
    figure, (panel,) = new_figure("Where the search looked", 1, 1, width=width, height=3.8)
    columns = [_Places.of(parameter, trials, trials.trials) for parameter in trials.parameters]
    losses = [trial.loss for trial in trials.complete if trial.loss is not None]
    colours = ScalarMappable(Normalize(min(losses), max(losses)), colormaps["viridis"]) if losses else None
    # Draw the lowest losses last, on top.
    ordered = sorted(trials.trials, key=lambda trial: -np.inf if trial.loss is None else -trial.loss)
    for trial in ordered:
        heights = [places.share(trial) for places in columns]
        if trial.loss is not None and colours is not None:
            (colour,), width, order = colours.to_rgba(np.array([trial.loss])), 1.6, 2
        else:
            colour, width, order = _STATUS_COLOURS.get(trial.status, QUIET_COLOUR), 0.7, 1
        panel.plot(range(len(columns)), heights, color=colour, linewidth=width, zorder=order)
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
    if colours is not None:
        bar = figure.colorbar(colours, ax=panel, pad=0.02)
        bar.set_label(f"validation loss, {_LOSS}", fontsize=TEXT_SIZE)
        bar.ax.tick_params(labelsize=TEXT_SIZE)
    title_panel(
        panel, "Values of every trial", "coloured: complete runs; grey: pruned; red: diverged or failed"
    )
    return figure


def importance_figure(found: Importance) -> Figure:
    """Shares of the variance, and the share of a dummy parameter."""
    names = list(found.shares)[::-1]
    figure, (panel,) = new_figure(
        f"Importance by {EVALUATOR}", 1, 1, width=6.4, height=1.4 + 0.3 * len(names)
    )
    panel.barh(names, [found.shares[name] for name in names], color=CATEGORY_COLOURS[0], height=0.6)
    panel.axvline(found.noise, color=FAILURE_COLOUR, linewidth=1.2, linestyle="--")
    subtitle = f"{found.num_trials} trials, out-of-sample R² {found.r2:.2f}; dashed: a dummy parameter"
    title_panel(panel, f"Of the {found.measure}", subtitle)
    label_axes(panel, "share of the variance", "")
    rule_lightly(panel, "x")
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
        levels = list(dict.fromkeys(trial.levels[parameter] for trial in shown))
        return cls(parameter, levels, trials.is_log(parameter))

    def place(self, trial: Trial) -> float:
        """Position in units of the axis."""
        return self._place(trial.levels[self._parameter])

    def share(self, trial: Trial) -> float:
        """Position between 0 and 1."""
        return self._share(trial.levels[self._parameter])

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
