"""Figures of a search: its front, its history and the importance of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, combinations
from typing import TYPE_CHECKING

from musicgen.effects.figures.style import (
    BASELINE_COLOUR,
    CATEGORY_COLOURS,
    FAILURE_COLOUR,
    TEXT_SIZE,
    label_axes,
    legend_below,
    metric_direction,
    metric_title,
    metric_unit,
    panel_grid,
    rule_lightly,
    title_panel,
)
from musicgen.metrics.registry import metric_words
from musicgen.search.importance import EVALUATOR, Importance, comparable_values
from musicgen.search.parameter_figures import STATUS_COLOURS, parallel_coordinates_figure, slices_figure
from musicgen.search.trials import Trial, Trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BEHIND_COLOUR = "#c3ccd4"
_CLOSE = 0.04
"""Share of an axis: trials nearer to each other in a figure share a label."""
_STATUSES_WITHOUT_VALUES = {"pruned": "|", "diverged": "x", "failed": "x"}
"""Status -> its marker."""


def search_figures(
    trials: Trials,
    found: Sequence[Importance] = (),
    max_columns: int = 4,
    baseline: Mapping[str, float] | None = None,
) -> dict[str, Figure]:
    """Every figure that has enough trials, by file name without suffix.

    found: importance for each objective; baseline: objective -> value of the baseline, if it is known.
    """
    figures: dict[str, Figure] = {}
    if len(trials.objectives) > 1 and trials.complete:
        figures["pareto_front"] = front_figure(trials, baseline or {})
    if len(trials.complete) >= 2:
        figures["history"] = history_figure(trials)
    if any(len(measured.values) >= 2 for measured in comparable_values(trials)):
        figures["slices"] = slices_figure(trials, max_columns)
        figures["parallel_coordinates"] = parallel_coordinates_figure(trials)
    if any(one.shares for one in found):
        figures["importance"] = importance_figure([one for one in found if one.shares])
    return figures


def front_figure(trials: Trials, baseline: Mapping[str, float]) -> Figure:
    """Pareto's front and the trials behind it, for each pair of objectives."""
    pairs = list(combinations(range(len(trials.objectives)), 2))
    figure, panels = panel_grid(
        "Pareto front", len(pairs), min(len(pairs), 3), panel=(4.6, 3.6), margins=(0.6, 0.8)
    )
    numbers = {trial.number for trial in trials.front}
    behind = [trial for trial in trials.complete if trial.number not in numbers]
    for panel, (first, second) in zip(panels, pairs, strict=True):
        panel.plot(
            *_values_of(behind, first, second),
            "o",
            color=_BEHIND_COLOUR,
            markersize=4.5,
            label="other trials",
        )
        is_joined = len(pairs) == 1
        panel.plot(
            *_values_of(trials.front, first, second),
            "o-" if is_joined else "o",
            color=CATEGORY_COLOURS[0],
            markersize=5.5,
            linewidth=1.2,
            label="Pareto front",
        )
        _number_trials(panel, trials, first, second)
        metrics = [trials.objectives[place].metric for place in (first, second)]
        if all(metric in baseline for metric in metrics):
            panel.plot(
                *([baseline[metric]] for metric in metrics),
                "D",
                color=BASELINE_COLOUR,
                markersize=5.5,
                label="baseline, fresh seeds",
            )
        title_panel(
            panel,
            " against ".join(map(metric_words, reversed(metrics))).capitalize(),
            "; ".join(f"{metric_words(metric)}: {metric_direction(metric)}" for metric in metrics),
        )
        label_axes(panel, *(f"{metric_words(metric)}, {metric_unit(metric)}" for metric in metrics))
        panel.margins(0.1)
        rule_lightly(panel, "both")
    legend_below(figure, panels[0].get_legend_handles_labels()[0])
    return figure


def _number_trials(panel: Axes, trials: Trials, first: int, second: int) -> None:
    """Write the numbers of the front's trials where no other trial can be: on the side of better values."""
    xs, ys = _values_of(trials.complete, first, second)
    widths = [max(max(values) - min(values), 1e-12) for values in (xs, ys)]
    groups: list[tuple[list[int], float, float]] = []
    for trial, x, y in zip(trials.front, *_values_of(trials.front, first, second), strict=True):
        close = (
            numbers
            for numbers, *place in groups
            if all(
                abs(one - other) < _CLOSE * width
                for one, other, width in zip(place, (x, y), widths, strict=True)
            )
        )
        if (numbers := next(close, None)) is not None:
            numbers.append(trial.number)
        else:
            groups.append(([trial.number], x, y))
    to_right, to_top = (trials.objectives[place].is_maximized for place in (first, second))
    for numbers, x, y in groups:
        panel.annotate(
            ", ".join(map(str, numbers)),
            (x, y),
            xytext=(5 if to_right else -5, 4 if to_top else -4),
            textcoords="offset points",
            fontsize=TEXT_SIZE,
            ha="left" if to_right else "right",
            va="bottom" if to_top else "top",
        )


def _values_of(trials: Sequence[Trial], *places: int) -> list[list[float]]:
    """For each of these objectives, the values of the trials."""
    return [[trial.values[place] for trial in trials if trial.values] for place in places]


def history_figure(trials: Trials) -> Figure:
    """Each objective of the complete runs and the best so far; ticks at the bottom for the other trials."""
    from matplotlib.ticker import MaxNLocator

    figure, panels = panel_grid(
        "Trial after trial", len(trials.objectives), 1, panel=(6.4, 2.9), margins=(0.0, 0.5)
    )
    complete = sorted(trials.complete, key=lambda trial: trial.number)
    numbers = [trial.number for trial in complete]
    last = max(trial.number for trial in trials.trials)
    for place, (panel, objective) in enumerate(zip(panels, trials.objectives, strict=True)):
        (values,) = _values_of(complete, place)
        best = list(accumulate(values, max if objective.is_maximized else min))
        panel.step(
            [*numbers, last], [*best, best[-1]], where="post", color=CATEGORY_COLOURS[1], linewidth=1.4
        )
        panel.plot(numbers, values, "o", color=STATUS_COLOURS["complete"], markersize=4.5, label="complete")
        for status, marker in _STATUSES_WITHOUT_VALUES.items():
            ended = [trial.number for trial in trials.trials if trial.status == status]
            if ended:
                panel.plot(
                    ended,
                    [0.02] * len(ended),
                    marker,
                    color=STATUS_COLOURS[status],
                    transform=panel.get_xaxis_transform(),
                    label=status,
                )
        title_panel(
            panel,
            f"{metric_title(objective.metric)} of complete runs",
            f"line: the {objective.extreme} so far; ticks: trials without one",
        )
        label_axes(panel, "trial", metric_unit(objective.metric))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.margins(y=0.12)
        rule_lightly(panel, "y")
    panels[0].legend(frameon=False, fontsize=TEXT_SIZE)
    return figure


def importance_figure(found: Sequence[Importance]) -> Figure:
    """For each objective, shares of the variance, and the share of a dummy parameter."""
    height = 0.9 + 0.3 * max(len(one.shares) for one in found)
    figure, panels = panel_grid(
        f"Importance by {EVALUATOR}", len(found), 1, panel=(6.4, height), margins=(0.0, 0.5)
    )
    for panel, one in zip(panels, found, strict=True):
        names = list(one.shares)[::-1]
        panel.barh(names, [one.shares[name] for name in names], color=CATEGORY_COLOURS[0], height=0.6)
        panel.axvline(one.noise, color=FAILURE_COLOUR, linewidth=1.2, linestyle="--")
        subtitle = f"{one.num_trials} trials, out-of-sample R² {one.r2:.2f}; dashed: a dummy parameter"
        title_panel(panel, f"Of the {one.measure}", subtitle)
        label_axes(panel, "share of the variance", "")
        rule_lightly(panel, "x")
    return figure
