"""What a search found: its trials in the order of their loss, and a picture of where they looked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.reporting.material import Material
from musicgen.study.figure_arms import as_number, level_of, shown_level
from musicgen.study.runs import directory_name, flat_config

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OBJECTIVE = "fit/validation_loss"
_PANELS_A_ROW = 3
_WIDE = 10.0
"""Values whose highest is more than this many times the lowest lie on a log axis."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of the search."""

    number: int
    """In the order in which they ran, from 1."""
    levels: tuple[str, ...]
    """Of the parameters that were searched."""
    loss: float | None
    status: str
    directory: str


@dataclass(frozen=True, slots=True)
class Trials:
    """All of them."""

    parameters: tuple[str, ...]
    trials: tuple[Trial, ...]
    """The lowest loss first, those without one last."""


def read_trials(material: Material) -> Trials:
    """The runs of the search's folder as trials; InputError is not raised on their account."""
    assert material.search is not None
    parameters = tuple(material.search.best_parameters)
    runs = sorted(material.all_runs, key=lambda run: _job_number(run.directory, material.root))
    trials = [
        Trial(
            number,
            tuple(shown_level(level_of(flat_config(run.record.config).get(name))) for name in parameters),
            run.value(OBJECTIVE),
            run.record.status,
            directory_name(run, material.root),
        )
        for number, run in enumerate(runs, start=1)
    ]
    trials.sort(key=lambda trial: (trial.loss is None, trial.loss))
    return Trials(parameters, tuple(trials))


def _job_number(directory: Path, root: Path) -> tuple[int, str]:
    """Folders of a search begin with the number of the job: 10- comes after 9-."""
    name = directory.resolve().relative_to(root).parts[0] if directory.resolve() != root else ""
    number = name.partition("-")[0]
    return int(number) if number.isdecimal() else 0, name


def search_figure(material: Material) -> "Figure | None":
    """The best loss so far over the trials, and the loss over each parameter; None below two trials."""
    from musicgen.study.figure_style import (
        CATEGORY_COLOURS,
        QUIET_COLOUR,
        label_axes,
        new_figure,
        rule_lightly,
        title_panel,
    )

    found = read_trials(material)
    measured = sorted((trial for trial in found.trials if trial.loss is not None), key=lambda one: one.number)
    if len(measured) < 2:
        return None
    rows = -(-(1 + len(found.parameters)) // _PANELS_A_ROW)
    columns = min(1 + len(found.parameters), _PANELS_A_ROW)
    figure, panels = new_figure(
        "Where the search looked, and what it found",
        rows,
        columns,
        width=3.2 * columns,
        height=0.6 + 2.5 * rows,
    )
    for panel in panels[1 + len(found.parameters) :]:
        panel.remove()
    losses = [trial.loss for trial in measured if trial.loss is not None]
    numbers = [trial.number for trial in measured]
    best = list(accumulate(losses, min))
    panels[0].step(numbers, best, where="post", color=CATEGORY_COLOURS[1], linewidth=1.4)
    panels[0].plot(numbers, losses, "o", color=QUIET_COLOUR, markersize=4)
    title_panel(panels[0], "Trial after trial", "line: the best so far")
    label_axes(panels[0], "trial", "validation loss")
    for place, (panel, parameter) in enumerate(zip(panels[1:], found.parameters, strict=False)):
        _draw_parameter(panel, [trial.levels[place] for trial in measured], losses)
        title_panel(panel, parameter)
        label_axes(panel, "value", "validation loss")
    for panel in panels[: 1 + len(found.parameters)]:
        rule_lightly(panel, "y")
    return figure


def _draw_parameter(panel: object, levels: Sequence[str], losses: Sequence[float]) -> None:
    from matplotlib.axes import Axes

    from musicgen.study.figure_style import CATEGORY_COLOURS

    assert isinstance(panel, Axes)
    numbers = [number for level in levels if (number := as_number(level)) is not None]
    is_numeric = len(numbers) == len(levels)
    panel.plot(numbers if is_numeric else levels, losses, "o", color=CATEGORY_COLOURS[0], markersize=5)
    if is_numeric and min(numbers) > 0 and max(numbers) > _WIDE * min(numbers):
        panel.set_xscale("log")
    panel.locator_params(axis="y", nbins=5)
