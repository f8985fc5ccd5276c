"""Plots how the metrics of one network depend on a sampling setting: the temperature or the prompt.

Numeric settings such as temperatures are on the x axis of a line; prompts are rows of dots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from musicgen.metrics.figures import CORPUS_COLOUR, GENERATED_COLOUR
from musicgen.metrics.registry import ARROWS, HEADLINE, METRICS
from musicgen.metrics.standing import INDISTINGUISHABLE_SDS
from musicgen.metrics.table import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Groups = Mapping[str, Mapping[str, float | None]]
Reference = Mapping[str, Mapping[str, float]]

_COLUMNS = 4
_MAX_ROWS = 24
"""Prompts that fit on one page."""
_TITLES = {"similarity/musical_auc": "Musical AUC"}
_TEXT_SIZE = 8
_QUIET_COLOUR = "#5b6670"


def group_figure(by: Groups, name: str, reference: Reference) -> Figure:
    """Plot the headline metrics of groups of tunes, one panel per metric.

    by: setting as text -> metrics, as in run.json; name: of the setting, such as "temperature". reference:
    metric -> mean and sd of held-out corpus tunes at the size of a group, drawn as a band of ± 2 SD. Metrics
    without a value in any group are omitted, and so are prompts after the first 24. Raises ValueError if no
    metric has a value.
    """
    from matplotlib.figure import Figure

    metrics = [metric for metric in HEADLINE if any(group.get(metric) is not None for group in by.values())]
    if not metrics:
        raise ValueError(f"no headline metric has a value at any {name}")
    keys = list(by)
    is_line = all(_is_number(key) for key in keys)
    keys = sorted(keys, key=float) if is_line else keys[:_MAX_ROWS]
    # The last panel is for the legend.
    num_rows = math.ceil((len(metrics) + 1) / _COLUMNS)
    height = 2.3 if is_line else 1.0 + 0.24 * len(keys)
    figure = Figure(figsize=(11, 0.5 + num_rows * height), dpi=150, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.08, w_pad=0.08)  # type: ignore[union-attr]
    left_out = f", the first {len(keys)} of {len(by)}" if len(keys) < len(by) else ""
    figure.suptitle(f"The same network by {name}{left_out}", x=0.01, ha="left", fontsize=11)
    panels: list[Axes] = list(figure.subplots(num_rows, _COLUMNS, squeeze=False).flat)
    for place, (panel, metric) in enumerate(zip(panels, metrics, strict=False)):
        values = [_number(by[key].get(metric)) for key in keys]
        _title(panel, metric)
        corpus = reference.get(metric)
        if is_line:
            _draw_line(panel, [float(key) for key in keys], values, corpus, name)
        else:
            _draw_dots(panel, keys if place % _COLUMNS == 0 else [""] * len(keys), values, corpus)
    for panel in panels[len(metrics) :]:
        panel.set_axis_off()
    _draw_legend(panels[len(metrics)], f"tunes at each {name}")
    return figure


def _draw_line(
    panel: Axes,
    places: Sequence[float],
    values: Sequence[float],
    corpus: Mapping[str, float] | None,
    name: str,
) -> None:
    """Draw a line, with the corpus as a horizontal band."""
    if corpus is not None:
        low, high = _band(corpus)
        panel.axhspan(low, high, color=CORPUS_COLOUR, alpha=0.35, linewidth=0)
        panel.axhline(corpus["mean"], color=CORPUS_COLOUR, linewidth=1)
    panel.plot(places, values, color=GENERATED_COLOUR, marker="o", markersize=4.5, clip_on=False, zorder=3)
    panel.set_xticks(places if len(places) <= 6 else np.linspace(places[0], places[-1], 5))
    panel.set_xlabel(name, fontsize=_TEXT_SIZE)
    panel.margins(y=0.12)
    panel.set_ylim(bottom=0)
    panel.grid(axis="y", color="#e4e8eb", linewidth=0.6)


def _draw_dots(
    panel: Axes, labels: Sequence[str], values: Sequence[float], corpus: Mapping[str, float] | None
) -> None:
    """Draw a row for each label from top to bottom, with the corpus as a vertical band."""
    rows = range(len(labels))
    if corpus is not None:
        low, high = _band(corpus)
        panel.axvspan(low, high, color=CORPUS_COLOUR, alpha=0.35, linewidth=0)
        panel.axvline(corpus["mean"], color=CORPUS_COLOUR, linewidth=1)
    panel.plot(values, rows, "o", color=GENERATED_COLOUR, markersize=5, clip_on=False, zorder=3)
    # Prompts may contain what matplotlib would parse as a formula.
    panel.set_yticks(rows, [shortened(label) for label in labels], parse_math=False)
    panel.set_ylim(len(labels) - 0.5, -0.5)
    panel.margins(x=0.12)
    panel.set_xlim(left=0)
    panel.grid(axis="y", color="#e4e8eb", linewidth=0.6)


def _title(panel: Axes, metric: str) -> None:
    words = _TITLES.get(metric, metric.partition("/")[2].replace("_", " ").capitalize())
    arrow = ARROWS[METRICS[metric].direction]
    panel.set_title(f"{words}  {arrow}", loc="left", fontsize=9)
    panel.tick_params(labelsize=_TEXT_SIZE, length=2.5)
    panel.spines[["top", "right"]].set_visible(False)
    panel.set_axisbelow(True)


def _draw_legend(panel: Axes, words: str) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Line2D([], [], color=GENERATED_COLOUR, marker="o", markersize=5, linewidth=0),
        Patch(facecolor=CORPUS_COLOUR, alpha=0.35),
    ]
    band = f"held-out corpus tunes,\nmean ± {INDISTINGUISHABLE_SDS:g} SD"
    legend = panel.legend(
        handles, [words, band], loc="center left", frameon=False, fontsize=_TEXT_SIZE, labelspacing=1
    )
    for text in legend.get_texts():
        text.set_color(_QUIET_COLOUR)


def _band(corpus: Mapping[str, float]) -> tuple[float, float]:
    spread = INDISTINGUISHABLE_SDS * corpus["sd"]
    return corpus["mean"] - spread, corpus["mean"] + spread


def _number(value: float | None) -> float:
    """Matplotlib omits NaN."""
    return math.nan if value is None else value


def _is_number(key: str) -> bool:
    try:
        return math.isfinite(float(key))
    except ValueError:
        return False
