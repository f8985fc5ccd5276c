"""What a sampling parameter trades off: tunes that hold together against tunes that are new."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicgen.effects.figures.study import DrawnStudy, how_runs_ended, measured
from musicgen.effects.figures.style import (
    BASELINE_COLOUR,
    CATEGORY_COLOURS,
    CORPUS_COLOUR,
    TEXT_SIZE,
    draw_seeds,
    label_axes,
    legend_below,
    metric_direction,
    metric_title,
    metric_unit,
    new_figure,
    rule_lightly,
    seed_handle,
    title_panel,
)
from musicgen.metrics.registry import limits_of
from musicgen.records.naming import as_number, shown_level
from musicgen.records.runs import FoundRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GROUP = "sampling."
_SOUND = "validity/sound_rate"
_NEW = ("diversity/distinct_4", "originality/copied_share")
_COLOUR = CATEGORY_COLOURS[1]
_REAL = {"color": BASELINE_COLOUR, "marker": "*", "markersize": 13, "markerfacecolor": "white"}
_CLOSE = 0.06
"""Levels whose points are closer than this share of the axes have one label."""


@dataclass(frozen=True, slots=True)
class Level:
    """A level of the parameter, with its runs."""

    name: str
    number: float | None
    is_baseline: bool
    runs: Sequence[FoundRun]

    def pairs(self, metric: str) -> list[tuple[float, float]]:
        """(metric, sound rate) of each run that has both."""
        both = [(measured([run], metric), measured([run], _SOUND)) for run in self.runs]
        return [(first[0], second[0]) for first, second in both if first and second]


def trade_figure(study: DrawnStudy, parameter: str) -> Figure | None:
    """The sound rate over distinct 4-grams and over the copied share, with a point for each level.

    None for a parameter that is not one of sampling, or without two levels that have both metrics. A point is
    the mean over the seeds, which are dots; a line joins the levels that are numbers. Real tunes are those
    held out, mean ± SD over random splits.
    """
    levels = _levels(study, parameter) if parameter.startswith(_GROUP) else []
    metrics = [metric for metric in _NEW if sum(bool(level.pairs(metric)) for level in levels) > 1]
    if not metrics:
        return None
    figure, panels = new_figure(
        f"What {parameter} trades off: sound tunes and new tunes",
        1,
        len(metrics),
        width=1.2 + 4.2 * len(metrics),
        height=4.3,
    )
    for panel, metric in zip(panels, metrics, strict=True):
        _draw_trade(panel, study, levels, metric)
        title_panel(panel, f"{metric_title(_SOUND)} against {metric_title(metric).lower()}")
        label_axes(panel, _axis_words(metric), _axis_words(_SOUND) if panel is panels[0] else "")
        rule_lightly(panel, "both")
    has_real = any(study.reference(metric) and study.reference(_SOUND) for metric in metrics)
    _explain(figure, parameter, levels, has_real=has_real)
    return figure


def _axis_words(metric: str) -> str:
    return f"{metric_title(metric).lower()} ({metric_unit(metric)}; {metric_direction(metric)})"


def _levels(study: DrawnStudy, parameter: str) -> list[Level]:
    """Numbers ascending, then the others, including the baseline's level."""
    arms = [arm for arm in study.arms_by_parameter()[parameter] if arm.runs]
    if not arms:
        return []
    base = arms[0].baseline_level
    baseline = Level(shown_level(base), as_number(base), True, study.baseline_runs)
    levels = [baseline, *(Level(arm.shown_level, arm.number, False, arm.runs) for arm in arms)]
    return sorted(levels, key=lambda level: math.inf if level.number is None else level.number)


def _draw_trade(panel: Axes, study: DrawnStudy, levels: Sequence[Level], metric: str) -> None:
    _draw_real(panel, study, metric)
    means: list[tuple[Level, float, float]] = []
    for level in levels:
        pairs = level.pairs(metric)
        if not pairs:
            continue
        xs, ys = zip(*pairs, strict=True)
        draw_seeds(panel, xs, ys, BASELINE_COLOUR if level.is_baseline else _COLOUR, is_cut=False)
        means.append((level, sum(xs) / len(xs), sum(ys) / len(ys)))
    line = [(x, y) for level, x, y in means if level.number is not None]
    panel.plot(
        [x for x, _ in line], [y for _, y in line], color=_COLOUR, linewidth=1.2, zorder=2.5, label="levels"
    )
    for level, x, y in means:
        panel.plot(
            [x],
            [y],
            linestyle="none",
            marker="D" if level.is_baseline else "o",
            color=BASELINE_COLOUR if level.is_baseline else _COLOUR,
            markersize=6,
            zorder=3,
            clip_on=False,
            label=level.name,
        )
    _set_limits(panel, metric)
    _name_levels(panel, means)


def _draw_real(panel: Axes, study: DrawnStudy, metric: str) -> None:
    across, up = study.reference(metric), study.reference(_SOUND)
    if across is None or up is None:
        return
    spans = [_possible(metric, *across), _possible(_SOUND, *up)]
    panel.plot(spans[0], [up[0]] * 2, color=CORPUS_COLOUR, linewidth=1.5, zorder=1, label="real SD")
    panel.plot([across[0]] * 2, spans[1], color=CORPUS_COLOUR, linewidth=1.5, zorder=1, label="real SD")
    panel.plot([across[0]], [up[0]], linestyle="none", zorder=2.8, clip_on=False, label="real tunes", **_REAL)


def _possible(metric: str, mean: float, sd: float) -> tuple[float, float]:
    lowest, highest = limits_of(metric)
    return max(mean - sd, lowest), min(mean + sd, highest)


def _set_limits(panel: Axes, metric: str) -> None:
    """Sound rates from 0 to 1, the other metric as far as it reaches, with room at both ends."""
    lowest, highest = limits_of(metric)
    left, right = panel.dataLim.intervalx
    room = 0.1 * ((right - left) or 0.1)
    panel.set_xlim(max(left - room, lowest), min(right + room, highest))
    panel.set_ylim(*limits_of(_SOUND))


def _name_levels(panel: Axes, means: Sequence[tuple[Level, float, float]]) -> None:
    """Write each level next to its point; levels with nearly the same point share a label."""
    left, right = panel.get_xlim()
    labels: list[tuple[list[str], float, float]] = []
    for level, x, y in means:
        near = next(
            (names for names, a, b in labels if abs(a - x) < _CLOSE * (right - left) and abs(b - y) < _CLOSE),
            None,
        )
        if near is None:
            labels.append(([level.name], x, y))
        else:
            near.append(level.name)
    for names, x, y in labels:
        is_left = x - left > 0.85 * (right - left)
        panel.annotate(
            ", ".join(names),
            (x, y),
            xytext=(-7 if is_left else 7, 5),
            textcoords="offset points",
            ha="right" if is_left else "left",
            va="bottom",
            fontsize=TEXT_SIZE,
            fontweight="bold",
            zorder=4,
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.5},
        )


def _explain(figure: Figure, parameter: str, levels: Sequence[Level], *, has_real: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], color=_COLOUR, marker="o", markersize=6, linewidth=1.2, label=f"mean at a {parameter}"
        ),
        Line2D([], [], color=BASELINE_COLOUR, marker="D", markersize=6, linewidth=0, label="baseline"),
        seed_handle(),
    ]
    if has_real:
        handles.append(Line2D([], [], linewidth=0, label="held-out real tunes, mean ± SD", **_REAL))
    endings = {level.name: how_runs_ended(level.runs) for level in levels}
    note = "; ".join(f"{name}: {ending}" for name, ending in endings.items() if ending)
    legend_below(figure, handles, note)
