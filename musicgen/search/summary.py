"""The result of a search: its figures, and what the terminal shows."""

from collections.abc import Mapping
from pathlib import Path

from rich.table import Table
from rich.text import Text

from musicgen.effects.corpora import describe_changed_corpora
from musicgen.effects.figures.draw import write_figures
from musicgen.errors import InputError, one_line
from musicgen.metrics.table import print_table
from musicgen.records.naming import level_of, shown_level
from musicgen.records.runs import find_runs
from musicgen.search.best import RESULTS
from musicgen.search.figures import search_figures
from musicgen.search.importance import importance
from musicgen.search.trials import CONFIRMATION, Trials, read_trials
from musicgen.system.plain_yaml import read_yaml

MAX_ROWS = 10


def summarise_search(directory: Path, *, draws: bool = True) -> bool:
    """Draw and print the result; returns whether any trial completed.

    Raises InputError if the folder's files cannot be read.
    """
    trials = read_trials(directory)
    found = importance(trials)
    if draws:
        write_figures(search_figures(trials, found), directory / "plots")
    print(f"{trials.count()}; {trials.trained_iterations:,} iterations trained")
    for trial in trials.trials:
        if trial.error:
            print(one_line(f"  trial {trial.number} {trial.status}: {trial.error}"))
    for line in _changed_corpora(directory):
        print(one_line(line))
    if trials.best is None:
        print("no trial completed, so there is no best config")
        return False
    print_table(_lowest(trials))
    print(found.sentence)
    results = read_yaml(directory / RESULTS)
    command = results.get("command") if isinstance(results, Mapping) else None
    print(f"the best config, in {directory / 'conf'}:\n  {one_line(str(command))}")
    if not (directory / CONFIRMATION).is_dir():
        print(
            f"{trials.best.loss:.4f} is the lowest of {len(trials.complete)} losses with one seed, and looks "
            "better than it is; hydra.sweeper.confirm_seeds=3 compares it with the baseline on fresh seeds"
        )
    return True


def _changed_corpora(directory: Path) -> list[str]:
    """A line for each corpus that changed during the search, which makes losses incomparable."""
    try:
        return describe_changed_corpora(find_runs([directory]), directory)
    except InputError:
        # No trial started, or a record is damaged. The rest comes from trials.csv.
        return []


def _lowest(trials: Trials) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("trial", "validation loss", *trials.parameters):
        # Break names at their dots first.
        table.add_column(heading.replace(".", ".\n"), justify="right", vertical="bottom")
    for trial in trials.complete[:MAX_ROWS]:
        levels = [Text(shown_level(level_of(trial.levels[name]))) for name in trials.parameters]
        table.add_row(str(trial.number), f"{trial.loss:.4f}", *levels)
    return table
