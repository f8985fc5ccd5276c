"""The figures on the page, each with a description for readers who cannot see it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicgen.effects.answers import answers_on
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
from musicgen.reporting.inline_svg import Plot, inline_plot
from musicgen.reporting.study_data import StudyData
from musicgen.search.figures import search_figures
from musicgen.search.importance import importances
from musicgen.search.summary import baseline_values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEARCH = ("pareto_front", "history", "slices", "parallel_coordinates", "importance")
"""The figures of a search, in the order of the page."""
_NUMBERS_OF_TRIALS = "the table of trials has the numbers."
_DESCRIPTIONS = {
    "pareto_front": (
        "Scatter plot of the trials, one objective against the other, with the Pareto front as a line; "
        + _NUMBERS_OF_TRIALS
    ),
    "history": f"Line plot of the best value so far of each objective over the trials; {_NUMBERS_OF_TRIALS}",
    "slices": f"Scatter plots of each objective over each searched parameter; {_NUMBERS_OF_TRIALS}",
    "parallel_coordinates": (
        f"A line for each trial through its values, coloured by the first objective; {_NUMBERS_OF_TRIALS}"
    ),
    "importance": (
        "Bars showing how much of each objective's variance each searched parameter accounts for; "
        + _NUMBERS_OF_TRIALS
    ),
    "grid": (
        "Heat map of the primary metrics over two parameters, with the mean over the seeds in each cell and "
        "the best cell marked."
    ),
    "loss_curves": (
        "Line plot of the validation loss over the iterations, with a panel for each parameter that changes "
        "the training."
    ),
    "seconds": (
        "Scatter plot of the validation loss over the seconds of training, with a point for each change."
    ),
}
_OTHER_DESCRIPTION = (
    "Line plots of the headline metrics over the levels of one parameter; the effects table has the numbers."
)
_TRADE_DESCRIPTION = (
    "The share of sound tunes against distinct 4-grams and copied notes, with a point for each level and a "
    "star for real tunes."
)
_MAX_COLUMNS = 3
"""More panels next to each other would not fit the page."""


@dataclass(frozen=True, slots=True)
class ShownPlot:
    """A figure with its title and its description."""

    plot: Plot
    title: str
    words: str


def drawn_figures(study: StudyData) -> "dict[str, Figure]":
    """Every figure that the runs allow, by name."""
    drawings = drawings_of(study.paired, study.effects, max_columns=_MAX_COLUMNS)
    figures = draw_all(drawings)
    if study.search:
        figures |= search_figures(
            study.search,
            importances(study.search),
            max_columns=_MAX_COLUMNS,
            baseline=baseline_values(study.search, study.root),
        )
    if "loss_curves" not in figures and (found := _loss_figure(study)) is not None:
        figures["loss_curves"] = found
    return figures


def shown_plots(study: StudyData) -> dict[str, ShownPlot]:
    """The figures without their titles, which the page prints itself."""
    shown = {}
    for name, figure in drawn_figures(study).items():
        title = figure.get_suptitle()
        figure.suptitle("")
        shown[name] = ShownPlot(inline_plot(name, figure), title, _description(name, study))
    return shown


def _loss_figure(study: StudyData) -> "Figure | None":
    """The losses of the baseline's first run, for studies where no change has a curve."""
    runs = study.paired.baseline.runs
    table = runs[0].history() if runs else None
    if table is None or table.empty:
        return None
    title = f"The losses of the first run, seed {runs[0].record.seed}"
    figure, (panel,) = new_figure(title, 1, 1, width=7.5, height=3.6)
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


def _description(name: str, study: StudyData) -> str:
    arms = len(study.paired.arms)
    if name == "effects":
        answers = " ".join(found.sentence for found in answers_on(study.effects, study.primary_metrics))
        return f"Forest plot of {arms} changes, with a panel for each headline metric. {answers}"
    if name == "loss_curves" and not arms:
        return "Line plot of the training and validation loss of one run over the iterations."
    if name.startswith("trade_"):
        return _TRADE_DESCRIPTION
    return _DESCRIPTIONS.get(name, _OTHER_DESCRIPTION)
