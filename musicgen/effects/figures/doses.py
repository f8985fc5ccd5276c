"""The metrics over the levels of one numeric parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from musicgen.effects.effect import PLAIN, RETUNED, Effect
from musicgen.effects.figures.study import DrawnArm, DrawnStudy, how_runs_ended, measured
from musicgen.effects.figures.style import (
    BASELINE_COLOUR,
    CORPUS_COLOUR,
    draw_seeds,
    is_wide,
    label_axes,
    legend_below,
    metric_direction,
    metric_title,
    metric_unit,
    panel_grid,
    rule_lightly,
    seed_handle,
    title_panel,
)
from musicgen.metrics.registry import HEADLINE
from musicgen.records.naming import as_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MIN_LEVELS = 3
CORPUS_LINE = (0, (1, 1.5))
_CHARACTER_INCHES = 0.075
"""Width of a character of a label, including the space between labels."""
_SERIES: Mapping[str, tuple[str, Literal["-", "--"], str]] = {
    PLAIN: ("#d55e00", "-", "o"),
    RETUNED: ("#0072b2", "--", "s"),
}


def dose_response_figure(study: DrawnStudy, parameter: str, max_columns: int = 4) -> Figure | None:
    """The figure of a parameter; None if it has fewer than three numeric levels, including the baseline's."""
    arms = [arm for arm in study.arms_by_parameter()[parameter] if arm.number is not None]
    baseline_level = as_number(arms[0].baseline_level) if arms else None
    numbers = {arm.number for arm in arms} | {baseline_level}
    levels = sorted(number for number in numbers if number is not None)
    metrics = [
        metric for metric in HEADLINE if sum(study.effect(arm, metric) is not None for arm in arms) > 1
    ]
    if len(levels) < _MIN_LEVELS or not metrics:
        return None
    figure, panels = panel_grid(
        f"What {parameter} does to the music, level by level",
        len(metrics),
        min(max_columns, len(metrics)),
        panel=(2.7, 2.45),
        margins=(1.0, 1.1),
    )
    for panel, metric in zip(panels, metrics, strict=True):
        _draw_metric(panel, study, arms, metric)
        set_levels(panel, levels, is_log=is_wide(levels[0], levels[-1]), inches=2.1)
        title_panel(panel, metric_title(metric), metric_direction(metric))
        label_axes(panel, parameter, metric_unit(metric))
    _explain(figure, study, arms, metrics)
    return figure


def _draw_metric(panel: Axes, study: DrawnStudy, arms: Sequence[DrawnArm], metric: str) -> None:
    reference = study.reference(metric)
    if reference is not None:
        draw_corpus(panel, *reference, CORPUS_COLOUR)
    baseline = _baseline_point(study, arms, metric)
    for tuning, (colour, line_style, marker) in _SERIES.items():
        tuned = [arm for arm in arms if arm.tuning == tuning]
        points = _draw_arms(panel, study, tuned, metric, colour)
        start = baseline if tuning == PLAIN else _retuned_baseline_point(study, tuned, metric)
        line = sorted([*points, start]) if points and start is not None else points
        panel.plot(
            [level for level, _ in line],
            [value for _, value in line],
            color=colour,
            linestyle=line_style,
            marker=marker,
            linewidth=1.4,
            markersize=5,
            zorder=3,
            label=tuning,
        )
    if baseline is not None:
        level, mean = baseline
        panel.plot(
            [level],
            [mean],
            linestyle="none",
            marker="D",
            markersize=6,
            color=BASELINE_COLOUR,
            zorder=4,
            label="baseline",
        )
        seeds = measured(study.baseline_runs, metric)
        draw_seeds(panel, [level] * len(seeds), seeds, BASELINE_COLOUR)
    panel.set_ylim(*_limits(study, arms, metric))
    rule_lightly(panel, "y")


def draw_corpus(panel: Axes, mean: float, sd: float, colour: str) -> None:
    """Draw the level of held-out corpus tunes, ± 1 SD over random splits."""
    panel.axhspan(mean - sd, mean + sd, color=colour, alpha=0.25, linewidth=0, zorder=0)
    panel.axhline(mean, color=colour, linewidth=1, linestyle=CORPUS_LINE, zorder=0, label="corpus")


def _draw_arms(
    panel: Axes, study: DrawnStudy, arms: Sequence[DrawnArm], metric: str, colour: str
) -> list[tuple[float, float]]:
    """Draw the seeds and interval of each arm; returns the level and mean of each."""
    points = []
    for arm in arms:
        effect, level = study.effect(arm, metric), arm.number
        if effect is None or level is None:
            continue
        points.append((level, effect.mean))
        ends = _interval(effect)
        if ends:
            panel.plot([level] * 2, ends, color=colour, linewidth=1.3, zorder=2, label="interval")
        seeds = measured(arm.runs, metric)
        draw_seeds(panel, [level] * len(seeds), seeds, colour)
    return points


def _interval(effect: Effect) -> tuple[float, float] | tuple[()]:
    """The interval of the difference, added to the baseline's mean."""
    if effect.interval is None:
        return ()
    return effect.baseline_mean + effect.ci_low, effect.baseline_mean + effect.ci_high


def _baseline_point(study: DrawnStudy, arms: Sequence[DrawnArm], metric: str) -> tuple[float, float] | None:
    level = as_number(arms[0].baseline_level)
    values = measured(study.baseline_runs, metric)
    if level is None or not values:
        return None
    return level, sum(values) / len(values)


def _retuned_baseline_point(
    study: DrawnStudy, arms: Sequence[DrawnArm], metric: str
) -> tuple[float, float] | None:
    """The re-tuned baseline, whose mean only the effects know."""
    effects = [effect for arm in arms if (effect := study.effect(arm, metric)) is not None]
    level = as_number(arms[0].baseline_level) if arms else None
    return (level, effects[0].baseline_mean) if effects and level is not None else None


def _limits(study: DrawnStudy, arms: Sequence[DrawnArm], metric: str) -> tuple[float, float]:
    """Limits with room for every run and the corpus; long intervals are cut off."""
    reference = study.reference(metric)
    core = measured(study.baseline_runs, metric) + ([] if reference is None else [reference[0]])
    ends: list[float] = []
    for arm in arms:
        effect = study.effect(arm, metric)
        if effect is not None:
            core += measured(arm.runs, metric)
            core.append(effect.mean)
            ends += _interval(effect)
    low, high = min(core), max(core)
    spread = (high - low) or 0.2 * abs(high) or 0.1
    bottom = max(min([low, *ends]), low - spread)
    top = min(max([high, *ends]), high + spread)
    room = 0.06 * ((top - bottom) or spread)
    # No metric is negative, so the part of an interval below zero says nothing.
    return max(bottom, 0.0) - room, top + room


def set_levels(panel: Axes, levels: Sequence[float], *, is_log: bool, inches: float) -> None:
    """Put ticks at the levels, slanted if they are crowded.

    levels: ascending. inches: approximate width of the panel.
    """
    from matplotlib.ticker import NullLocator

    places = [math.log(level) for level in levels] if is_log else list(levels)
    length = (places[-1] - places[0]) or 1.0
    gaps = [(after - before) / length for before, after in pairwise(places)]
    texts = [f"{level:g}" for level in levels]
    needed = [_CHARACTER_INCHES / inches * (len(left) + len(right)) / 2 for left, right in pairwise(texts)]
    is_crowded = any(gap < need for gap, need in zip(gaps, needed, strict=True))
    if is_log:
        panel.set_xscale("log")
    panel.xaxis.set_minor_locator(NullLocator())
    slant = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if is_crowded else {}
    panel.set_xticks(list(levels), texts, **slant)
    panel.margins(x=0.09)


def _explain(figure: Figure, study: DrawnStudy, arms: Sequence[DrawnArm], metrics: Sequence[str]) -> None:
    """Draw a legend, and name the levels whose runs did not all complete."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | Patch] = [
        Line2D([], [], color=BASELINE_COLOUR, marker="D", markersize=6, linewidth=0, label="baseline")
    ]
    for tuning, (colour, style, marker) in _SERIES.items():
        effects = [study.effect(arm, metric) for arm in arms if arm.tuning == tuning for metric in metrics]
        if any(effects):
            words = "mean" + (
                ", and 95 % interval of the difference"
                if any(effect and _interval(effect) for effect in effects)
                else ""
            )
            words += f", {RETUNED}" if tuning == RETUNED else ""
            handles.append(
                Line2D([], [], color=colour, linestyle=style, marker=marker, markersize=5, label=words)
            )
    handles.append(seed_handle())
    if any(study.reference(metric) for metric in metrics):
        handles.append(
            Patch(color=CORPUS_COLOUR, alpha=0.4, linewidth=0, label="held-out corpus tunes, mean ± SD")
        )
    endings = {arm.shown_level: how_runs_ended(arm.runs) for arm in arms}
    endings["baseline"] = how_runs_ended(study.baseline_runs)
    note = "; ".join(f"{level}: {ending}" for level, ending in endings.items() if ending)
    legend_below(figure, handles, note)
