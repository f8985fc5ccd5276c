"""The validation loss against the training time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicgen.effects.figures.study import DrawnStudy, measured
from musicgen.effects.figures.style import (
    BASELINE_COLOUR,
    CATEGORY_COLOURS,
    QUIET_COLOUR,
    TEXT_SIZE,
    draw_seeds,
    is_wide,
    label_axes,
    legend_beside,
    limits_without_outliers,
    new_figure,
    rule_lightly,
    seed_handle,
)
from musicgen.records.naming import as_number
from musicgen.records.runs import FoundRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOSS = "fit/validation_loss"
_MARKERS = "osP^vX<>"
_MIN_POINTS = 2
_SAME_TIME = 1.05
"""Trainings whose times differ by less than this factor count as equally fast."""
_OUTLYING = 3.0
"""Losses this many times farther above the lowest than the third quartile are drawn at the upper edge."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Training time and loss of an arm, one entry for each run."""

    parameter: str
    name: str
    seconds: Sequence[float]
    losses: Sequence[float]

    @property
    def centre(self) -> tuple[float, float]:
        """Mean seconds and mean loss."""
        return sum(self.seconds) / len(self.seconds), sum(self.losses) / len(self.losses)


def seconds_figure(study: DrawnStudy) -> Figure | None:
    """Validation loss over the seconds of training; None if fewer than two trainings have both.

    The arms with the lowest loss for their time are numbered along a stair and named in the legend.
    """
    costs = [_cost(study, study.baseline_runs, "", "baseline")]
    for arm in study.arms:
        if study.trains_differently(arm):
            # The last part of the parameter is enough, since the legend has its full name.
            name = f"{arm.parameter.rpartition('.')[2]} = {arm.shown_level}"
            costs.append(_cost(study, arm.runs, arm.parameter, name))
    costs = [cost for cost in costs if cost.seconds]
    if len(costs) < _MIN_POINTS:
        return None
    figure, (panel,) = new_figure(
        "What a lower validation loss costs in training time", 1, 1, width=8.5, height=4.8
    )
    _draw(panel, costs)
    label_axes(
        panel,
        "seconds of training steps, without validation; other jobs may have run at the same time",
        "validation loss (nats per character)",
    )
    return figure


def training_seconds(study: DrawnStudy, run: FoundRun) -> float | None:
    """Time of a run's training steps by its history, which includes steps reused from the store."""
    tokens = as_number(run.setting("training.batch_size")), as_number(run.setting("training.sequence_length"))
    history = study.histories.get(run, ())
    if tokens[0] is None or tokens[1] is None or not history:
        return None
    seconds, before = 0.0, 0.0
    for row in history:
        iteration, speed = as_number(row.get("iteration")), as_number(row.get("tokens_per_second"))
        if iteration is None or not speed:
            return None
        seconds += (iteration - before) * tokens[0] * tokens[1] / speed
        before = iteration
    return seconds


def _cost(study: DrawnStudy, runs: Sequence[FoundRun], parameter: str, name: str) -> Cost:
    pairs = [
        (seconds, loss)
        for run in runs
        if (seconds := training_seconds(study, run)) is not None
        for loss in measured([run], _LOSS)
    ]
    return Cost(parameter, name, [seconds for seconds, _ in pairs], [loss for _, loss in pairs])


def unbeaten(costs: Sequence[Cost]) -> list[Cost]:
    """The arms that no faster one matches in loss, fastest first; of nearly equal times, the lower loss."""
    kept: list[Cost] = []
    for cost in sorted(costs, key=lambda cost: cost.centre):
        seconds, loss = cost.centre
        if kept and loss >= kept[-1].centre[1]:
            continue
        if kept and seconds < _SAME_TIME * kept[-1].centre[0]:
            kept.pop()
        kept.append(cost)
    return kept


def _draw(panel: Axes, costs: Sequence[Cost]) -> None:
    losses = [loss for cost in costs for loss in cost.losses]
    low, high = limits_without_outliers(min(losses), losses, _OUTLYING, room=0.08)
    panel.set_ylim(low, high)
    for cost, (colour, marker) in zip(costs, _styles(costs), strict=True):
        draw_seeds(panel, cost.seconds, cost.losses, colour)
        seconds, loss = cost.centre
        panel.plot(
            [seconds],
            [min(loss, high)],
            linestyle="none",
            marker=marker,
            markersize=7,
            color=colour,
            clip_on=False,
            zorder=3,
            label=cost.name,
        )
    best = unbeaten(costs)
    _draw_stair(panel, best)
    _explain(panel, costs, best, high)
    from matplotlib.ticker import LogLocator, NullLocator

    seconds = [value for cost in costs for value in cost.seconds]
    if is_wide(min(seconds), max(seconds)):
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter("{x:g}")
    panel.margins(x=0.1)
    rule_lightly(panel, "both")


def _styles(costs: Sequence[Cost]) -> list[tuple[str, str]]:
    """Colour and marker of each arm, the same for all arms of a parameter."""
    parameters = list(dict.fromkeys(cost.parameter for cost in costs if cost.parameter))
    styles = []
    for cost in costs:
        if not cost.parameter:
            styles.append((BASELINE_COLOUR, "D"))
            continue
        place = parameters.index(cost.parameter)
        # The marker changes with each round of the colours, so that no combination repeats.
        marker = _MARKERS[(place + place // len(CATEGORY_COLOURS)) % len(_MARKERS)]
        styles.append((CATEGORY_COLOURS[place % len(CATEGORY_COLOURS)], marker))
    return styles


def _draw_stair(panel: Axes, best: Sequence[Cost]) -> None:
    """Draw a stair through the unbeaten arms, with their numbers."""
    seconds, losses = zip(*(cost.centre for cost in best), strict=True)
    panel.step(seconds, losses, where="post", color=QUIET_COLOUR, linewidth=0.9, zorder=1, label="_unbeaten")
    for number, cost in enumerate(best, start=1):
        panel.annotate(
            str(number),
            cost.centre,
            xytext=(-5, -5),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=TEXT_SIZE,
            fontweight="bold",
        )


def _explain(panel: Axes, costs: Sequence[Cost], best: Sequence[Cost], high: float) -> None:
    """Draw a legend with the parameters, the numbered arms and the arms above the upper edge."""
    from matplotlib.lines import Line2D

    styles = {cost.parameter or "baseline": style for cost, style in zip(costs, _styles(costs), strict=True)}
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=7, linestyle="none", label=name)
        for name, (colour, marker) in styles.items()
    ]
    if any(len(cost.seconds) > 1 for cost in costs):
        handles.append(seed_handle())
    handles.append(Line2D([], [], color=QUIET_COLOUR, linewidth=0.9, label="lowest loss for the time:"))
    lines = [f"{number}  {cost.name}" for number, cost in enumerate(best, start=1)]
    lines += [f"above: {cost.name}, {cost.centre[1]:.2f}" for cost in costs if cost.centre[1] > high]
    handles += [Line2D([], [], linestyle="none", label=line) for line in lines]
    legend_beside(panel, handles=handles)
