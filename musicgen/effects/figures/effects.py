"""Each arm's difference from the baseline, with its interval, for each primary and headline metric."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from musicgen.effects.effect import Decision, Effect
from musicgen.effects.figures.study import DrawnArm, DrawnStudy, how_runs_ended
from musicgen.effects.figures.style import (
    BASELINE_COLOUR,
    FAILURE_COLOUR,
    QUIET_COLOUR,
    TEXT_SIZE,
    draw_seeds,
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
from musicgen.metrics.registry import limits_of
from musicgen.system.words import signed, signed_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Style:
    """How a decision is drawn."""

    colour: str
    marker: str
    fill: str
    words: str


_EFFECT = Style("#d55e00", "o", "#d55e00", "effect")
STYLES = {
    Decision.RAISES: _EFFECT,
    Decision.LOWERS: _EFFECT,
    Decision.EQUIVALENT: Style("#0072b2", "s", "#0072b2", "equivalent: 90 % interval inside the margin"),
    Decision.INCONCLUSIVE: Style("#6b7580", "D", "#6b7580", "inconclusive"),
    Decision.CANDIDATE: Style("#a8568a", "^", "white", "one seed: a candidate"),
    Decision.UNIFORM: Style("#a8568a", "v", "white", "all seeds differ alike: a candidate"),
    Decision.IDENTICAL: Style("#0072b2", "s", "white", "identical"),
}
_OUTLYING = 3.0
"""Differences beyond this many times the third quartile are written at the edge of the axis."""
MAX_ARMS = 40
"""Rows of a panel. A picture of a thousand has more pixels than can be drawn."""
_INCHES_PER_ARM = 0.31
_SEEDS_BELOW = 0.26
"""Distance in rows between an arm's interval and the dots of its seeds."""


def effects_figure(study: DrawnStudy, max_columns: int = 4) -> Figure | None:
    """A panel for each metric and a row for each arm, the largest first; None if no arm has a difference.

    Of more than MAX_ARMS arms only the largest have rows. A metric that no arm can move has no panel, and an
    arm that cannot move a metric an empty row in it.
    """
    arms = study.arms_by_size()[:MAX_ARMS]
    metrics = [metric for metric in study.metrics if any(study.effect(arm, metric) for arm in arms)]
    if not metrics:
        return None
    columns = min(max_columns, len(metrics))
    effects = [effect for arm in arms for metric in metrics if (effect := study.effect(arm, metric))]
    has_intervals = any(effect.interval for effect in effects)
    figure, panels = panel_grid(
        "What each change does: difference from the baseline"
        + (" with its 95 % interval" if has_intervals else ", without an interval"),
        len(metrics),
        columns,
        panel=(2.1, 1.15 + _INCHES_PER_ARM * len(arms)),
        margins=(3.2, 1.2),
    )
    for number, (panel, metric) in enumerate(zip(panels, metrics, strict=True)):
        _draw_metric(panel, study, arms, metric)
        _name_rows(panel, arms, shown=number % columns == 0)
    _explain(figure, study, arms, metrics, {STYLES[effect.decision] for effect in effects})
    return figure


def _draw_metric(panel: Axes, study: DrawnStudy, arms: Sequence[DrawnArm], metric: str) -> None:
    low, high = _limits(study, arms, metric)
    panel.set_xlim(low, high)
    panel.axvline(0, color="#222222", linewidth=0.8, zorder=1)
    margin = study.margin(metric)
    if margin is not None:
        panel.axvspan(-margin, margin, color="#0072b2", alpha=0.1, linewidth=0, zorder=0)
    for position, arm in enumerate(arms):
        effect = study.effect(arm, metric)
        if not study.can_move(arm, metric):
            continue
        if effect is None:
            side = 1 if high > -low else -1
            panel.annotate(
                "no value",
                (0, position),
                xytext=(3 * side, 0),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                fontsize=TEXT_SIZE,
                color=QUIET_COLOUR,
                va="center",
            )
            continue
        dots = study.seed_differences(arm, metric)
        if len(dots) > 1:
            draw_seeds(panel, dots, [position + _SEEDS_BELOW] * len(dots), BASELINE_COLOUR)
        _draw_effect(panel, arm, effect, position)
    is_primary = any(effect.is_primary for arm in arms if (effect := study.effect(arm, metric)))
    title_panel(
        panel, metric_title(metric), metric_direction(metric) + ("; a primary metric" if is_primary else "")
    )
    label_axes(panel, f"difference ({metric_unit(metric)})", "")
    panel.locator_params(axis="x", nbins=4)
    panel.xaxis.set_major_formatter(lambda value, _: signed(round(value, 12), ".3g"))
    rule_lightly(panel, "x")


def _draw_effect(panel: Axes, arm: DrawnArm, effect: Effect, position: int) -> None:
    style = STYLES[effect.decision]
    if effect.interval is not None:
        most = most_difference(effect.metric)
        ends = [min(max(end, -most), most) for end in effect.interval]
        panel.plot(ends, [position] * 2, color=style.colour, linewidth=1.4, zorder=3, label="interval")
    panel.plot(
        [effect.difference],
        [position],
        marker=style.marker,
        color=style.colour,
        markersize=5,
        markerfacecolor=style.fill,
        zorder=3,
        label=arm.label,
    )
    _mark_what_is_outside(panel, effect, position, style.colour)


def _mark_what_is_outside(panel: Axes, effect: Effect, position: int, colour: str) -> None:
    """Draw an arrow head where the axis cuts an interval or the difference, with the numbers."""
    left, right = panel.get_xlim()
    difference, most = effect.difference, most_difference(effect.metric)
    for edge, end, marker, side in ((left, effect.ci_low, "<", 1), (right, effect.ci_high, ">", -1)):
        # A marker at the very edge would be cut in half.
        cut = (edge + side * 0.02 * (right - left) - difference) * side > 0
        if not cut and not (edge - max(min(end, most), -most)) * side > 0:
            continue
        panel.plot([edge], [position], marker=marker, color=colour, markersize=4.5, clip_on=False, zorder=4)
        panel.annotate(
            _numbers(effect) if cut else signed(end, ".2g"),
            (edge, position),
            xytext=(side * 5, 1),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="bottom",
            fontsize=TEXT_SIZE,
            color=colour,
        )


def _numbers(effect: Effect) -> str:
    if effect.interval is None:
        return signed(effect.difference, ".2g")
    return signed_interval(effect.difference, *effect.interval)


def most_difference(metric: str) -> float:
    """The largest difference that two values of the metric can have."""
    lowest, highest = limits_of(metric)
    return highest - lowest


def _limits(study: DrawnStudy, arms: Sequence[DrawnArm], metric: str) -> tuple[float, float]:
    """Limits that include zero, the margin and most intervals; a few huge ones are cut off."""
    margin = study.margin(metric) or 0.0
    ends, sizes = [-margin, margin, 0.0], []
    for arm in arms:
        effect = study.effect(arm, metric)
        if effect is None:
            continue
        known = [effect.difference, *(effect.interval or ()), *study.seed_differences(arm, metric)]
        sizes.append(max(abs(value) for value in known))
        ends += known
    most = max(_OUTLYING * float(np.percentile(sizes, 75)), 1.5 * margin) or 1.0
    low, high = max(min(ends), -most), min(max(ends), most)
    room = 0.07 * ((high - low) or 1.0)
    possible = most_difference(metric)
    return max(low - room, -possible), min(high + room, possible)


def _name_rows(panel: Axes, arms: Sequence[DrawnArm], *, shown: bool) -> None:
    panel.set_ylim(len(arms) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    endings = [how_runs_ended(arm.runs) for arm in arms]
    if not shown:
        panel.set_yticks(range(len(arms)), [""] * len(arms))
        return
    labels = [
        f"{arm.label}\n{ending}" if ending else arm.label for arm, ending in zip(arms, endings, strict=True)
    ]
    panel.set_yticks(range(len(arms)), labels, fontsize=TEXT_SIZE)
    for text, ending in zip(panel.get_yticklabels(), endings, strict=True):
        if ending:
            text.set_color(FAILURE_COLOUR)


def _explain(
    figure: Figure,
    study: DrawnStudy,
    arms: Sequence[DrawnArm],
    metrics: Sequence[str],
    found: Collection[Style],
) -> None:
    """Draw a legend, with notes on the order, empty rows, and how the baseline's runs ended."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | Patch] = [
        Line2D(
            [],
            [],
            color=style.colour,
            marker=style.marker,
            markersize=5,
            linewidth=1.4 if style.fill == style.colour else 0,
            markerfacecolor=style.fill,
            label=style.words,
        )
        for style in dict.fromkeys(STYLES.values())
        if style in found
    ]
    if any(len(study.seed_differences(arm, metric)) > 1 for arm in arms for metric in metrics):
        handles.append(seed_handle())
    if any(study.margin(metric) is not None for metric in metrics):
        handles.append(Patch(color="#0072b2", alpha=0.1, linewidth=0, label="equivalence margin"))
    ending = how_runs_ended(study.baseline_runs)
    notes = [_order_words(study, metrics)] if len(arms) > 1 else []
    if len(arms) < len(study.arms):
        notes.insert(0, f"The {len(arms)} largest of {len(study.arms):,} changes.")
    if not all(study.can_move(arm, metric) for arm in arms for metric in metrics):
        notes.append("An empty row: the change cannot move this metric.")
    if ending:
        notes.append(f"The baseline itself: {ending}.")
    legend_below(figure, handles, " ".join(notes))


def _order_words(study: DrawnStudy, metrics: Sequence[str]) -> str:
    primary = [metric_title(metric) for metric in metrics if metric in study.primary_metrics]
    if len(primary) == 1:
        return f"The largest difference in {primary[0].lower()} comes first."
    return f"The largest difference{' in a primary metric' if primary else ''} comes first."
