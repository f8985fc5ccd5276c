"""The metrics over the levels of one numeric parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

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
from musicgen.effects.shares import empirical_logit
from musicgen.effects.statistics import CONFIDENCE, compare, t_quantile
from musicgen.effects.tested_values import as_tested, is_counted_share, num_counted
from musicgen.metrics.registry import limits_of
from musicgen.records.naming import as_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MIN_LEVELS = 3
_CORPUS_LINE = (0, (1, 1.5))
_CHARACTER_INCHES = 0.075
"""Width of a character of a label, including the space between labels."""
_SERIES: Mapping[str, tuple[str, Literal["-", "--"], str]] = {
    PLAIN: ("#d55e00", "-", "o"),
    RETUNED: ("#0072b2", "--", "s"),
}


def dose_response_figure(study: DrawnStudy, parameter: str, max_columns: int = 4) -> Figure | None:
    """The figure of a parameter; None if it has fewer than three numeric levels, including the baseline's.

    A metric that the parameter cannot move has no panel. An arm's interval is that of its difference from the
    baseline, paired by seed, and counted from the baseline's mean: `level_interval`.
    """
    arms = [arm for arm in study.arms_by_parameter()[parameter] if arm.number is not None]
    baseline_level = as_number(arms[0].baseline_level) if arms else None
    numbers = {arm.number for arm in arms} | {baseline_level}
    levels = sorted(number for number in numbers if number is not None)
    metrics = [
        metric for metric in study.metrics if sum(study.effect(arm, metric) is not None for arm in arms) > 1
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
        draw_corpus(panel, metric, *reference, CORPUS_COLOUR)
    panel.set_ylim(*_limits(study, arms, metric))
    baseline = _baseline_point(study, arms, metric)
    for tuning, (colour, line_style, marker) in _SERIES.items():
        tuned = [arm for arm in arms if arm.tuning == tuning]
        points = _draw_arms(panel, study, tuned, metric, colour)
        start = baseline if tuning == PLAIN else _retuned_baseline_point(study, tuned, metric)
        if not points:
            continue
        line = sorted([*points, start]) if start is not None else points
        panel.plot(
            [level for level, _ in line],
            [value for _, value in line],
            color=colour,
            linestyle=line_style,
            marker=marker,
            linewidth=1.4,
            markersize=5,
            zorder=3,
            clip_on=False,
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
            clip_on=False,
            label="baseline",
        )
        seeds = measured(study.baseline_runs, metric)
        draw_seeds(panel, [level] * len(seeds), seeds, BASELINE_COLOUR, is_cut=False)
    rule_lightly(panel, "y")


def draw_corpus(panel: Axes, metric: str, mean: float, sd: float, colour: str) -> None:
    """Draw the level of held-out corpus tunes, ± 1 SD over random splits, where the metric can be."""
    lowest, highest = limits_of(metric)
    low, high = max(mean - sd, lowest), min(mean + sd, highest)
    panel.axhspan(low, high, color=colour, alpha=0.25, linewidth=0, zorder=0)
    panel.axhline(mean, color=colour, linewidth=1, linestyle=_CORPUS_LINE, zorder=0, label="corpus")


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
        ends = level_interval(study, arm, effect)
        if ends:
            panel.plot([level] * 2, ends, color=colour, linewidth=1.3, zorder=2, label="interval")
            _mark_cut_ends(panel, level, ends, colour)
        seeds = measured(arm.runs, metric)
        draw_seeds(panel, [level] * len(seeds), seeds, colour, is_cut=False)
    return points


def _mark_cut_ends(panel: Axes, level: float, ends: tuple[float, float], colour: str) -> None:
    """Draw an arrow head where the axis cuts an interval."""
    bottom, top = panel.get_ylim()
    for edge, marker, is_cut in ((bottom, "v", ends[0] < bottom), (top, "^", ends[1] > top)):
        if is_cut:
            panel.plot(
                [level], [edge], marker=marker, color=colour, markersize=4.5, clip_on=False, label="cut"
            )


def level_interval(study: DrawnStudy, arm: DrawnArm, effect: Effect) -> tuple[float, float] | tuple[()]:
    """Between which values the arm's mean is, if the baseline's is as drawn; always possible values.

    It is the 95 % interval of the difference, paired by seed, added to the baseline's mean. Shares of counted
    things are added as logits, with the spread that the test uses, so that the interval ends inside 0 to 1;
    it is extended to the mean where that is 0 or 1 itself. Everything else ends at the metric's limits.
    """
    if effect.interval is None:
        return ()
    low, high = effect.baseline_mean + effect.ci_low, effect.baseline_mean + effect.ci_high
    if is_counted_share(effect.metric):
        low, high = _share_interval(study, arm, effect) or (low, high)
    lowest, highest = limits_of(effect.metric)
    return max(min(low, effect.mean), lowest), min(max(high, effect.mean), highest)


def _share_interval(study: DrawnStudy, arm: DrawnArm, effect: Effect) -> tuple[float, float] | None:
    """None for a re-tuned arm, whose runs are unknown."""
    from scipy.special import expit

    baseline = {run.record.seed: run for run in study.baseline_runs}
    pairs = [(baseline[run.record.seed], run) for run in arm.runs if run.record.seed in baseline]
    pairs = [pair for pair in pairs if None not in [run.value(effect.metric) for run in pair]]
    if len(pairs) < 2:
        return None
    plain, changed = (as_tested(runs, effect.metric) for runs in zip(*pairs, strict=True))
    spread = compare(plain, changed).standard_deviation
    reach = t_quantile(CONFIDENCE, len(pairs)) * spread / math.sqrt(len(pairs))
    num_things = np.mean([num_counted(run, effect.metric) for run, _ in pairs])
    middle = empirical_logit(effect.baseline_mean, num_things) + (changed.numbers - plain.numbers).mean()
    low, high = expit(middle + np.array([-reach, reach]))
    return float(low), float(high)


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
    """Limits with room for every run and the corpus, and no room for what the metric cannot be.

    The intervals of a metric without two limits are cut off where they are long.
    """
    lowest, highest = limits_of(metric)
    reference = study.reference(metric)
    core = measured(study.baseline_runs, metric) + ([] if reference is None else [reference[0]])
    ends: list[float] = []
    for arm in arms:
        effect = study.effect(arm, metric)
        if effect is not None:
            core += measured(arm.runs, metric)
            core.append(effect.mean)
            ends += level_interval(study, arm, effect)
    low, high = min(core), max(core)
    spread = (high - low) or 0.2 * abs(high) or 0.1
    if math.isinf(lowest) or math.isinf(highest):
        ends = [min(max(end, low - spread), high + spread) for end in ends]
    bottom, top = min([low, *ends]), max([high, *ends])
    room = 0.06 * (top - bottom) or 0.5 * spread
    return max(bottom - room, lowest), min(top + room, highest)


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
                ", with the 95 % interval of the difference from the baseline"
                if any(effect and effect.interval for effect in effects)
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
