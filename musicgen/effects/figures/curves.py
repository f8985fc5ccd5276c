"""The validation loss over the iterations, for each arm and the baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from musicgen.effects.figures.study import DrawnArm, DrawnStudy, how_runs_ended
from musicgen.effects.figures.style import (
    BASELINE_COLOUR,
    label_axes,
    legend_beside,
    level_colours,
    limits_without_outliers,
    panel_grid,
    rule_lightly,
    title_panel,
)
from musicgen.records.naming import as_number, shown_level
from musicgen.records.runs import FoundRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OUTLYING = 2.0
"""Losses this many times farther above the lowest than the third quartile are cut off."""
MAX_LEVELS = 16
"""Lines of a panel, whose legend has no room for more."""
_SETTLED = 0.2
"""Share of the baseline's iterations whose high losses, at the start, may be cut off."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The validation losses of a run."""

    iterations: NDArray[np.int64]
    losses: NDArray[np.float64]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The curves of an arm or the baseline, and how they are drawn."""

    name: str
    curves: Sequence[Curve]
    colour: str | tuple[float, float, float]
    line_width: float


def loss_curves_figure(study: DrawnStudy, max_columns: int = 4) -> Figure | None:
    """A panel for each parameter that changes the training; None if no run has a validation loss.

    A line is the mean over the complete runs, and a band goes from the lowest to the highest. Runs that ended
    early are dashed and end in a cross. Of more than MAX_LEVELS levels the largest effects are shown.
    """
    baseline = _curves(study, study.baseline_runs)
    panels_wanted = {
        parameter: groups
        for parameter, arms in study.arms_by_parameter().items()
        if (groups := _groups(study, arms))
    }
    if not baseline or not panels_wanted:
        return None
    # Each panel has a legend at its side and is wider than those of other figures.
    columns = min(1 if len(panels_wanted) == 1 else 2 if len(panels_wanted) <= 4 else 3, max_columns - 1)
    figure, panels = panel_grid(
        "How the validation loss falls; line: mean over the seeds, band: lowest to highest seed",
        len(panels_wanted),
        columns,
        panel=(3.0, 3.4 if columns == 1 else 2.8),
        margins=(4.5, 0.7),
    )
    for panel, (parameter, groups) in zip(panels, panels_wanted.items(), strict=True):
        ending = how_runs_ended(study.baseline_runs)
        first = Group(
            _baseline_name(study, parameter) + (f"\n{ending}" if ending else ""),
            baseline,
            BASELINE_COLOUR,
            2.0,
        )
        num_levels = len(study.arms_by_parameter()[parameter])
        is_cut = len(groups) == MAX_LEVELS < num_levels
        title = f"{parameter}: {MAX_LEVELS} of {num_levels} levels" if is_cut else parameter
        _draw_panel(panel, title, [first, *groups])
    return figure


def _groups(study: DrawnStudy, arms: Sequence[DrawnArm]) -> list[Group]:
    """The arms that trained differently and have a curve, in their order; at most MAX_LEVELS."""
    trained = [arm for arm in arms if study.trains_differently(arm) and _curves(study, arm.runs)]
    if len(trained) > MAX_LEVELS:
        parameter = trained[0].parameter
        largest = [arm for arm in study.arms_by_size() if arm.parameter == parameter and arm in trained]
        trained = [arm for arm in trained if arm in largest[:MAX_LEVELS]]
    ordered = len(trained) > 1 and all(arm.number is not None for arm in trained)
    groups = []
    for arm, colour in zip(trained, level_colours(len(trained), ordered=ordered), strict=True):
        runs = arm.runs
        ending = how_runs_ended(runs)
        name = arm.shown_level + (f"\n{ending}" if ending else "")
        groups.append(Group(name, _curves(study, runs), colour, 1.4))
    return groups


def _baseline_name(study: DrawnStudy, parameter: str) -> str:
    level = study.arms_by_parameter()[parameter][0].baseline_level
    return "baseline" if level == "null" else f"{shown_level(level)} (baseline)"


def _curves(study: DrawnStudy, runs: Sequence[FoundRun]) -> list[Curve]:
    curves = []
    for run in runs:
        measured = [
            (int(row["iteration"]), loss)
            for row in study.histories.get(run, ())
            if (loss := as_number(row.get("validation_loss"))) is not None
        ]
        if measured:
            iterations, losses = zip(*measured, strict=True)
            curves.append(Curve(np.array(iterations), np.array(losses), run.record.status == "complete"))
    return curves


def _draw_panel(panel: Axes, title: str, groups: Sequence[Group]) -> None:
    """Draw the groups; the first is the baseline, which is drawn on top."""
    bottom, top = _loss_limits(groups)
    for depth, group in enumerate(groups):
        _draw_group(panel, group, top, zorder=3 if depth == 0 else 2)
    panel.set_ylim(bottom, top)
    panel.set_xlim(left=0)
    panel.locator_params(axis="both", nbins=6)
    title_panel(panel, title)
    label_axes(panel, "iteration", "validation loss (nats per character)")
    rule_lightly(panel, "y")
    legend_beside(panel, handlelength=1.4, borderaxespad=0.2)


def _draw_group(panel: Axes, group: Group, top: float, zorder: int) -> None:
    complete = [curve for curve in group.curves if curve.is_complete]
    name = group.name
    if complete:
        iterations, mean, low, high = _over_seeds(complete)
        if mean.size and mean[-1] > top:
            name += f"\nabove: ends at {mean[-1]:.2f}"
        panel.fill_between(iterations, low, high, color=group.colour, alpha=0.16, linewidth=0, zorder=1)
        panel.plot(
            iterations, mean, color=group.colour, linewidth=group.line_width, zorder=zorder, label=name
        )
        name = "_nolegend_"
    for curve in group.curves:
        if curve.is_complete:
            continue
        dashed = {"color": group.colour, "linewidth": 1, "linestyle": (0, (3, 2)), "zorder": zorder}
        panel.plot(curve.iterations, curve.losses, label=name, **dashed)
        panel.plot(
            curve.iterations[-1:],
            np.minimum(curve.losses[-1:], top),
            color=group.colour,
            marker="x",
            markersize=6,
            markeredgewidth=1.5,
            clip_on=False,
            zorder=4,
            label="_ended_early",
        )
        name = "_nolegend_"


def _over_seeds(
    curves: Sequence[Curve],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The iterations at which every curve has a value, with the mean, lowest and highest loss."""
    by_iteration: dict[int, list[float]] = {}
    for curve in curves:
        for iteration, loss in zip(curve.iterations.tolist(), curve.losses.tolist(), strict=True):
            by_iteration.setdefault(iteration, []).append(loss)
    common = sorted(iteration for iteration, losses in by_iteration.items() if len(losses) == len(curves))
    table = np.array([by_iteration[iteration] for iteration in common]).reshape(len(common), len(curves))
    return np.array(common, dtype=np.int64), table.mean(axis=1), table.min(axis=1), table.max(axis=1)


def _loss_limits(groups: Sequence[Group]) -> tuple[float, float]:
    """From the lowest loss to the highest settled one of complete runs; far worse arms are cut off."""
    end = max(curve.iterations[-1] for curve in groups[0].curves)
    low, highs = math.inf, []
    for group in groups:
        for curve in [curve for curve in group.curves if curve.is_complete] or group.curves[:1]:
            settled = curve.losses[curve.iterations >= min(_SETTLED * end, curve.iterations[-1])]
            low = min(low, settled.min())
            highs.append(settled.max())
    return limits_without_outliers(low, highs, _OUTLYING, room=0.06)
