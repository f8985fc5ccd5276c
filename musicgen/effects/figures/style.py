"""Colours, sizes and words of a study's figures.

Category colours are those of Okabe and Ito (Color Universal Design, 2008), which colour-blind readers can
tell apart. No text is smaller than 8 points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from musicgen.metrics.registry import METRICS, Direction, metric_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

BASELINE_COLOUR = "#222222"
CORPUS_COLOUR = "#8a99a8"
QUIET_COLOUR = "#6b7580"
FAILURE_COLOUR = "#a3200d"
CATEGORY_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#4d4d4d")
TEXT_SIZE = 8.0
PANEL_TITLE_SIZE = 9.0
TITLE_SIZE = 11.0
_WIDE = 5.0
"""Ratio of the highest to the lowest value from which an axis is logarithmic."""

SEED_DOT: Mapping[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 3.4,
    "alpha": 0.4,
    "markeredgewidth": 0,
}
_TITLES = {
    "structure/lag_repeat": "Repeated bars (lag repeat)",
    "structure/section_tonic_endings": "Section ends on the tonic",
}
_UNITS = {
    "fit": "nats per character",
    "similarity/note_count_distance": "notes",
    "similarity/range_distance": "semitones",
    "similarity/mean_interval_distance": "semitones",
    "similarity/two_sample_auc": "area under the curve",
    "similarity/musical_auc": "area under the curve",
    "similarity": "bits",
    "diversity/pitch_class_entropy": "bits",
    "diversity/pitches_used": "pitches",
    "diversity/pitch_range": "semitones",
    "originality/longest_copy": "notes",
    "originality/longest_transposed_copy": "notes",
    "structure/zip_ratio": "ratio",
}
_DIRECTIONS = {
    Direction.HIGHER: "higher is better",
    Direction.LOWER: "lower is better",
    Direction.CORPUS: "closer to the corpus is better",
}


def new_figure(
    title: str, rows: int, columns: int, *, width: float, height: float
) -> tuple[Figure, list[Axes]]:
    """A figure with a grid of panels, listed row by row; width and height in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")
    figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE_SIZE)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=TEXT_SIZE)
    return figure, panels


def panel_grid(
    title: str, number: int, columns: int, *, panel: tuple[float, float], margins: tuple[float, float]
) -> tuple[Figure, list[Axes]]:
    """A figure with this many panels, row by row. panel, margins: width and height in inches."""
    rows = -(-number // columns)
    width, height = margins[0] + panel[0] * columns, margins[1] + rows * panel[1]
    figure, panels = new_figure(title, rows, columns, width=width, height=height)
    for unused in panels[number:]:
        unused.remove()
    return figure, panels[:number]


def legend_beside(panel: Axes, **options: Any) -> None:
    """Draw a legend to the right of the panel."""
    place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    panel.legend(frameon=False, fontsize=TEXT_SIZE, **place, **options)


def legend_below(figure: Figure, handles: Sequence[Any], note: str = "") -> None:
    """Draw a legend below all panels, with a note above it."""
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=len(handles),
        frameon=False,
        fontsize=TEXT_SIZE,
        title=note or None,
        title_fontsize=TEXT_SIZE,
        alignment="left",
    )


def seed_handle() -> Line2D:
    """The legend's entry for the dots of single seeds."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=BASELINE_COLOUR, label="single seed", **SEED_DOT)


def is_wide(lowest: float, highest: float) -> bool:
    """Whether an axis with these ends should be logarithmic."""
    return lowest > 0 and highest > _WIDE * lowest


def limits_without_outliers(
    low: float, highs: Sequence[float], factor: float, room: float
) -> tuple[float, float]:
    """Limits of an axis from low to the highest value, which cut off outliers.

    factor: how many times farther from low than the third quartile a value may be. room: share of the height
    to add at both ends.
    """
    high = min(max(highs), low + factor * (float(np.percentile(highs, 75)) - low))
    space = room * ((high - low) or 1.0)
    return low - space, high + space


def title_panel(panel: Axes, title: str, subtitle: str = "") -> None:
    """Set a left-aligned title, with a quieter line under it."""
    panel.set_title(title, loc="left", fontsize=PANEL_TITLE_SIZE, pad=18 if subtitle else 6)
    panel.annotate(
        subtitle,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 5),
        textcoords="offset points",
        fontsize=TEXT_SIZE,
        color=QUIET_COLOUR,
    )


def rule_lightly(panel: Axes, axis: Literal["both", "x", "y"]) -> None:
    """Draw faint lines at the ticks, behind everything."""
    panel.grid(axis=axis, color="#e6e9ec", linewidth=0.6)
    panel.set_axisbelow(True)


def draw_seeds(
    panel: Axes, places: Sequence[float], values: Sequence[float], colour: str, *, is_cut: bool = True
) -> None:
    """Draw a faint dot for each run. is_cut: False keeps dots on the edge of the axes whole."""
    # The layout fails on a line that is neither cut nor anywhere.
    if values:
        panel.plot(places, values, color=colour, zorder=2, label="seeds", clip_on=is_cut, **SEED_DOT)


def label_axes(panel: Axes, horizontal: str, vertical: str) -> None:
    """Label both axes."""
    panel.set_xlabel(horizontal, fontsize=TEXT_SIZE)
    panel.set_ylabel(vertical, fontsize=TEXT_SIZE)


def level_colours(levels: int, *, ordered: bool) -> list[tuple[float, float, float]]:
    """Colours from dark to light for ordered levels, and clearly different ones for others."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if not ordered:
        return [to_rgb(CATEGORY_COLOURS[number % len(CATEGORY_COLOURS)]) for number in range(levels)]
    # Without the ends of the ramp: the baseline is nearly black, and light yellow is hard to see on white.
    places = [0.18 + 0.64 * number / max(levels - 1, 1) for number in range(levels)]
    return [to_rgb(colormaps["viridis"](place)) for place in places]


def metric_title(metric: str) -> str:
    """fit/validation_loss -> Validation loss."""
    words = _TITLES.get(metric) or metric_words(metric)
    return words[:1].upper() + words[1:]


def metric_unit(metric: str) -> str:
    """The unit for an axis; "share" for rates and shares from 0 to 1."""
    return _UNITS.get(metric) or _UNITS.get(metric.partition("/")[0], "share")


def metric_direction(metric: str) -> str:
    """Which direction is better, in words; empty for an unregistered metric."""
    return _DIRECTIONS[METRICS[metric].direction] if metric in METRICS else ""
