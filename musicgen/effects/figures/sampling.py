"""What the temperature trades off: playable tunes against copied ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from musicgen.effects.figures.doses import CORPUS_LINE, draw_corpus, set_levels
from musicgen.effects.figures.study import DrawnStudy, how_runs_ended, measured
from musicgen.effects.figures.style import (
    draw_seeds,
    label_axes,
    legend_beside,
    metric_title,
    new_figure,
    rule_lightly,
    title_panel,
)
from musicgen.records.naming import as_number
from musicgen.records.runs import FoundRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TEMPERATURE = "sampling.temperature"
_PANELS = {
    "Are they tunes? Share of the requested ones": ("validity/sound_rate", "validity/ended_rate"),
    "Are they new? Copied notes, distinct 4-grams": ("originality/copied_share", "diversity/distinct_4"),
}
_STYLES = (("#0072b2", "o"), ("#d55e00", "s"))


def copy_risk_figure(study: DrawnStudy) -> Figure | None:
    """Validity, copying and diversity over the temperature; None if fewer than two were sampled.

    All four metrics are shares. A line is the mean over the seeds, which are dots. The corpus level has the
    colour of its metric.
    """
    runs = _runs_by_temperature(study)
    if len(runs) < 2:
        return None
    figure, panels = new_figure(
        "What the sampling temperature trades off: playable tunes and new tunes",
        1,
        len(_PANELS),
        width=10.5,
        height=3.9,
    )
    for panel, (title, metrics) in zip(panels, _PANELS.items(), strict=True):
        for metric, (colour, marker) in zip(metrics, _STYLES, strict=True):
            _draw_metric(panel, study, runs, metric, colour, marker)
        label_axes(panel, "temperature", "share")
        panel.set_ylim(-0.03, min(1.05 * panel.get_ylim()[1], 1.03))
        set_levels(panel, list(runs), is_log=False, inches=4.0)
        rule_lightly(panel, "y")
        title_panel(panel, title, _endings(runs) if panel is panels[0] else "")
        legend_beside(panel, handles=_handles(study, metrics), handlelength=1.8)
    return figure


def _runs_by_temperature(study: DrawnStudy) -> dict[float, list[FoundRun]]:
    """Temperature -> the runs that differ in nothing else, ascending, including the baseline."""
    arms = [arm for arm in study.arms_by_parameter().get(TEMPERATURE, ()) if arm.number is not None]
    runs: dict[float, list[FoundRun]] = {}
    for arm in arms:
        if arm.number is not None:
            runs.setdefault(arm.number, []).extend(arm.runs)
    baseline = as_number(arms[0].baseline_level) if arms else None
    if baseline is not None and study.baseline_runs:
        runs.setdefault(baseline, []).extend(study.baseline_runs)
    return {temperature: runs[temperature] for temperature in sorted(runs) if runs[temperature]}


def _draw_metric(
    panel: Axes,
    study: DrawnStudy,
    runs: Mapping[float, Sequence[FoundRun]],
    metric: str,
    colour: str,
    marker: str,
) -> None:
    reference = study.reference(metric)
    if reference is not None:
        draw_corpus(panel, *reference, colour)
    points = []
    for temperature, rows in runs.items():
        values = measured(rows, metric)
        draw_seeds(panel, [temperature] * len(values), values, colour)
        if values:
            points.append((temperature, sum(values) / len(values)))
    panel.plot(
        [temperature for temperature, _ in points],
        [mean for _, mean in points],
        color=colour,
        marker=marker,
        linewidth=1.6,
        markersize=5,
        zorder=3,
        label=metric_title(metric),
    )


def _handles(study: DrawnStudy, metrics: Sequence[str]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=5, label=metric_title(metric))
        for metric, (colour, marker) in zip(metrics, _STYLES, strict=True)
    ]
    handles += [
        Line2D([], [], color=colour, linewidth=1, linestyle=CORPUS_LINE, label="… of the corpus")
        for metric, (colour, _) in zip(metrics, _STYLES, strict=True)
        if study.reference(metric)
    ]
    return handles


def _endings(runs: Mapping[float, Sequence[FoundRun]]) -> str:
    endings = {temperature: how_runs_ended(rows) for temperature, rows in runs.items()}
    return "; ".join(f"{temperature:g}: {ending}" for temperature, ending in endings.items() if ending)
