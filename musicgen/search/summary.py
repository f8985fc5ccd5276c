"""The result of a search: its figures, and what the terminal shows."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from rich.table import Table
from rich.text import Text

from musicgen.effects.corpora import describe_changed_corpora
from musicgen.effects.figures.draw import write_figures
from musicgen.errors import InputError, one_line
from musicgen.metrics.registry import metric_words
from musicgen.records.destination import CONFIRMATION
from musicgen.records.naming import level_of, shown_level
from musicgen.records.runs import find_runs
from musicgen.search.best import RESULTS
from musicgen.search.figures import search_figures
from musicgen.search.importance import importances
from musicgen.search.trials import Trial, Trials, read_trials
from musicgen.system.plain_yaml import read_yaml
from musicgen.system.terminal import new_table, print_table
from musicgen.system.words import counted

MAX_ROWS = 10


def summarise_search(directory: Path, *, draws: bool = True) -> bool:
    """Draw and print the result; returns whether any trial completed.

    Raises InputError if the folder's files cannot be read.
    """
    trials = read_trials(directory)
    found = importances(trials)
    if draws:
        write_figures(
            search_figures(trials, found, baseline=baseline_values(trials, directory)), directory / "plots"
        )
    print(f"{trials.count()}; {trials.trained_iterations:,} iterations trained")
    for trial in trials.trials:
        if trial.error:
            print(one_line(f"  trial {trial.number} {trial.status}: {trial.error}"))
    for line in _changed_corpora(directory):
        print(one_line(line))
    if not trials.complete:
        print("no trial completed, so there is no best config")
        return False
    if trials.single is None:
        print(f"Pareto front: {len(trials.front)} of {counted(len(trials.complete), 'complete trial')}")
    print_table(_best_trials(trials))
    for line in dict.fromkeys(one.sentence for one in found):
        print(line)
    if trials.single is None:
        _print_front(trials, directory)
    else:
        _print_best(trials, directory)
    return True


def _print_best(trials: Trials, directory: Path) -> None:
    results = read_yaml(directory / RESULTS)
    command = results.get("command") if isinstance(results, Mapping) else None
    print(f"the best config, in {directory / 'conf'}:\n  {one_line(str(command))}")
    best, objective = trials.best, trials.single
    if (directory / CONFIRMATION).is_dir() or best is None or objective is None or best.values is None:
        return
    print(
        f"{best.values[0]:.4f} is the {objective.extreme} of {len(trials.complete)} values with one seed, "
        "and looks better than it is; hydra.sweeper.confirm_seeds=3 compares it with the "
        "baseline on fresh seeds"
    )


def _print_front(trials: Trials, directory: Path) -> None:
    print(
        f"each trial on the front is an experiment in {directory / 'conf'}; the commands are in "
        f"{directory / RESULTS}"
    )
    if trials.knee is not None and len(trials.front) > 1:
        print(
            f"trial {trials.knee.number} is the knee of the front: the closest to the best of each objective"
        )
    if not (directory / CONFIRMATION).is_dir():
        print(
            "a front with one seed looks better than it is; hydra.sweeper.confirm_seeds=3 compares its knee "
            "with the baseline on fresh seeds"
        )


def baseline_values(trials: Trials, directory: Path) -> dict[str, float]:
    """Objective -> mean over the baseline's runs on fresh seeds, in the confirmation of a search."""
    try:
        runs = find_runs([directory / CONFIRMATION])
    except InputError:
        return {}
    baselines = [run.record.metrics for run in runs if run.record.change is None]
    found: dict[str, float] = {}
    for objective in trials.objectives:
        values = [one for metrics in baselines if (one := metrics.get(objective.metric)) is not None]
        if values:
            found[objective.metric] = fmean(values)
    return found


def _changed_corpora(directory: Path) -> list[str]:
    """A line for each corpus that changed during the search, which makes losses incomparable."""
    try:
        return describe_changed_corpora(find_runs([directory]), directory)
    except InputError:
        # No trial started, or a record is damaged. The rest comes from trials.csv.
        return []


def _best_trials(trials: Trials) -> Table:
    """With one objective the best trials, with several the front."""
    table = new_table()
    headings = [f"{metric_words(one.metric)} {'↑' if one.is_maximized else '↓'}" for one in trials.objectives]
    for heading in ("trial", *headings, *trials.parameters):
        # Break names at their dots first.
        table.add_column(heading.replace(".", ".\n"), justify="right", vertical="bottom")
    shown = trials.front if trials.single is None else trials.complete[:MAX_ROWS]
    for trial in shown:
        values = [f"{value:.4f}" for value in trial.values or ()]
        levels = [_shown_level(trial, name) for name in trials.parameters]
        table.add_row(str(trial.number), *values, *levels)
    return table


def _shown_level(trial: Trial, name: str) -> Text:
    return Text(shown_level(level_of(trial.levels[name])) if name in trial.levels else "")
