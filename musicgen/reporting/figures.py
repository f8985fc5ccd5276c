"""The study's figures on the page, each with words for those who do not see it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicgen.effects.figures.draw import draw_all
from musicgen.effects.figures.style import (
    CATEGORY_COLOURS,
    CORPUS_COLOUR,
    TEXT_SIZE,
    label_axes,
    new_figure,
    rule_lightly,
)
from musicgen.effects.summary import drawings_of
from musicgen.reporting.answers import answers_on
from musicgen.reporting.material import Material
from musicgen.reporting.plots import Plot, inline_plot
from musicgen.search.figures import search_figures
from musicgen.search.importance import importance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEARCH = ("history", "slices", "parallel_coordinates", "importance")
"""Figures of a search, in the order of the page."""
_SEARCH_WORDS = {
    "history": "Line plot of the lowest validation loss so far over the trials",
    "slices": "Scatter plots of the loss over each searched parameter",
    "parallel_coordinates": "A line for each trial through its values, coloured by its loss",
    "importance": "Bars of how much of the loss's variance each searched parameter accounts for",
}
_COLUMNS = 3
"""Panels beside each other at most, so that a figure fits the page."""


@dataclass(frozen=True, slots=True)
class ShownPlot:
    """A figure with the words for those who do not see it."""

    plot: Plot
    title: str
    words: str


def drawn_figures(material: Material) -> "dict[str, Figure]":
    """Every figure that the runs allow, by name."""
    drawings = drawings_of(material.star, material.effects, max_columns=_COLUMNS)
    figures = draw_all(drawings)
    if material.search:
        figures |= search_figures(material.search, importance(material.search), most_columns=_COLUMNS)
    if "loss_curves" not in figures and (found := _loss_figure(material)) is not None:
        figures["loss_curves"] = found
    return figures


def shown_plots(material: Material) -> dict[str, ShownPlot]:
    """The same for the page, which has titles of its own."""
    shown = {}
    for name, figure in drawn_figures(material).items():
        title = figure.get_suptitle()
        figure.suptitle("")
        shown[name] = ShownPlot(inline_plot(name, figure), title, _plot_words(name, material))
    return shown


def _loss_figure(material: Material) -> "Figure | None":
    """The losses of the baseline's first run, where no change has a curve to put beside it."""
    runs = material.star.baseline.runs
    table = runs[0].history() if runs else None
    if table is None or table.empty:
        return None
    figure, (panel,) = new_figure(
        f"The losses of the first run, seed {runs[0].record.seed}", 1, 1, width=7.5, height=3.6
    )
    validated = table.dropna(subset=["validation_loss"])
    panel.plot(
        table["iteration"], table["train_loss"], color=CORPUS_COLOUR, linewidth=1, label="training batches"
    )
    panel.plot(
        validated["iteration"],
        validated["validation_loss"],
        color=CATEGORY_COLOURS[0],
        marker="o",
        markersize=3,
        label="validation tunes",
    )
    label_axes(panel, "iteration", "nats per character")
    rule_lightly(panel, "y")
    panel.legend(frameon=False, fontsize=TEXT_SIZE)
    return figure


def _plot_words(name: str, material: Material) -> str:
    """What a figure shows, for those who cannot see it; the tables of the page hold its numbers."""
    arms = len(material.star.arms)
    if name == "effects":
        told = " ".join(found.sentence for found in answers_on(material, material.primary_metrics))
        return f"Forest plot of {arms} changes, a panel for each headline metric. {told}"
    if name in _SEARCH_WORDS:
        return f"{_SEARCH_WORDS[name]}; the table of trials holds the numbers."
    if name == "loss_curves" and not arms:
        return "Line plot of the training and validation loss of one run over the iterations."
    if name == "loss_curves":
        return (
            "Line plot of the validation loss over the iterations, a panel for each parameter that changes "
            "the training."
        )
    if name == "copy_risk":
        return (
            "Line plots over the sampling temperature: the share of playable tunes, and the share of copied "
            "notes beside that of distinct 4-grams."
        )
    if name == "seconds":
        return "Scatter plot of the validation loss over the seconds of training, a point for each change."
    return (
        "Line plots of the headline metrics over the levels of one parameter; the effects table holds the "
        "numbers."
    )
