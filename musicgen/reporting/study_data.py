"""Everything a report shows, read from the folders of the runs before anything is written."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.config import Change
from musicgen.effects.corpora import describe_changed_corpora
from musicgen.effects.effect import Effect
from musicgen.effects.joint import Additivity, additivity
from musicgen.effects.pairing import PairedRuns, pair_runs
from musicgen.effects.screening import ScreenedChange, screen
from musicgen.effects.summary import MissingRun, failures_of, missing_runs, with_missing
from musicgen.effects.table import effects_table
from musicgen.effects.terms import Terms
from musicgen.records.command import config_words, train_command
from musicgen.records.destination import MARK_OF_A_SWEEP
from musicgen.records.findings import Finding, findings_of
from musicgen.records.naming import drop_overrides
from musicgen.records.ratings import find_means, find_ratings, tune_means, with_ratings
from musicgen.records.record import FILE_NAME
from musicgen.records.runs import (
    PLAN,
    FoundRun,
    by_stage,
    find_runs,
    path_name,
    runs_table,
    sweep_directory,
)
from musicgen.reporting.best_songs import Ratings
from musicgen.reporting.portable import portable_command, without_folders
from musicgen.search.trials import Trials, goal, is_search, read_trials
from musicgen.system.passwords import override_without_password
from musicgen.system.plain_yaml import read_yaml
from musicgen.system.words import counted, listed

if TYPE_CHECKING:
    from pandas import DataFrame

_LEADING_TIME = re.compile(r"^[\d-]+-(?=\D)")
MAX_WARNINGS = 5
"""Warnings of runs that a page lists."""
_TRAIN = ["python", "-m", "musicgen.train"]


@dataclass(frozen=True, slots=True)
class StudyData:
    """A study as stored on the disk, with its findings and ratings."""

    name: str
    question: str
    """Declared by the study, or derived from what its runs change."""
    folders: Sequence[Path]
    """The folders that were read, resolved."""
    root: Path
    """The folder that holds all runs; directories are shown relative to it."""
    address: str
    """The paths as commands name them; only the last name of an absolute one, since pages are shared."""
    paired: PairedRuns
    runs: "DataFrame"
    effects: Sequence[Effect]
    additivity: Sequence[Additivity]
    failures: Sequence[str]
    """A line for each run that did not complete or is missing."""
    missing: Sequence[MissingRun]
    """Planned runs that left no record."""
    not_compared: Sequence[str]
    """A line for each corpus whose text changed between runs, and for runs that differ undeclared."""
    terms: Terms
    """Primary metrics and margins."""
    findings: Sequence[Finding]
    ratings: Ratings
    listening: Sequence[Mapping[str, str]]
    screening: Sequence[ScreenedChange]
    """The changes of a first stage, the largest first; empty for a study in one stage."""
    search: Trials | None
    """The trials, if the root is the folder of a search."""
    commands: Sequence[str]
    """Commands that repeat the runs: one for each sweep, and for each run started by hand."""

    @property
    def all_runs(self) -> list[FoundRun]:
        """All runs, including those that belong to no arm."""
        return [*self.paired.runs, *self.paired.left_out]

    @property
    def warnings(self) -> list[str]:
        """A line for each warning of a run, with the run's folder if there are several runs."""
        runs = self.all_runs
        lines = [
            line if len(runs) == 1 else f"{path_name(run.directory, self.root)}: {line}"
            for run in runs
            for line in run.record.warnings
        ]
        more = len(lines) - MAX_WARNINGS
        return [*lines[:MAX_WARNINGS], f"and {counted(more, 'more warning')}"] if more > 0 else lines

    @property
    def num_planned(self) -> int:
        """Number of runs of baseline and arms, including missing ones."""
        screening = [run for run in self.paired.left_out if run.is_screening]
        return len(self.paired.runs) + len(screening) + len(self.missing)

    @property
    def confirmed(self) -> list[Change]:
        """The changes of a first stage that were selected for the second."""
        if all(run.is_screening for run in self.paired.runs):
            return []
        return [arm.change for arm in self.paired.arms if arm.change is not None]

    @property
    def primary_metrics(self) -> Sequence[str]:
        """The metrics declared before the runs were made."""
        return self.terms.primary_metrics

    def margin(self, metric: str) -> float | None:
        """The largest difference that does not matter: declared, or 1 SD of held-out tunes."""
        return self.terms.margin(metric, self.paired.runs)

    @property
    def kind(self) -> str:
        """A noun for what the report is about."""
        if self.search:
            return "search"
        return "study" if self.has_changes else "run" if len(self.all_runs) == 1 else "set of runs"

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to compare."""
        return bool(self.paired.arms)


def read_study(paths: Sequence[Path]) -> StudyData:
    """Read the runs at or below the paths. Raises InputError if one cannot be read or none is found."""
    runs = find_runs(paths)
    folders = [(path.parent if path.name == FILE_NAME else path).resolve() for path in paths]
    root = Path(os.path.commonpath(folders))
    ratings = find_ratings(runs, root)
    rated = with_ratings(runs, ratings)
    paired = pair_runs(rated)
    effects, missing = effects_table(paired), missing_runs(runs, root)
    screening, others = by_stage(rated)
    first = pair_runs(screening) if screening else None
    failures = [
        line
        for one in (first if others else None, paired)
        if one is not None
        for line in failures_of(one, root)
    ]
    name, question = _name_and_question(paired, root)
    return StudyData(
        name=name,
        question=question,
        folders=folders,
        root=root,
        address=shlex.join(str(path) if not path.is_absolute() else path.name for path in paths),
        paired=paired,
        runs=with_missing(runs_table([*paired.runs, *paired.left_out], root), missing),
        effects=effects,
        failures=[without_folders(line) for line in (*failures, *map(str, missing))],
        additivity=additivity(paired),
        missing=missing,
        not_compared=[*describe_changed_corpora(runs, root), *paired.doubts],
        terms=Terms.of(paired),
        findings=findings_of(runs, root),
        ratings=tune_means(ratings),
        listening=find_means(runs, root),
        screening=screen(first, effects_table(first)) if first is not None else [],
        search=read_trials(root) if is_search(root) else None,
        commands=list(filter(None, dict.fromkeys(_command(run) for run in runs))),
    )


def with_current_findings(study: StudyData) -> StudyData:
    """The study with its findings read again from the logs."""
    return replace(study, findings=findings_of(study.all_runs, study.root))


def portable_study(study: StudyData) -> StudyData:
    """The study with no path of this machine in its commands and findings, for files meant to be shared."""
    return replace(
        study,
        commands=[portable_command(command) for command in study.commands],
        findings=[replace(one, text=without_folders(one.text)) for one in study.findings],
    )


def _sweep_of(run: FoundRun) -> Path:
    """The directory of the run's sweep, or the run's own if it belongs to none."""
    sweep = sweep_directory(run)
    is_sweep = (sweep / MARK_OF_A_SWEEP).is_file() or (sweep / PLAN).is_file()
    return sweep if is_sweep else run.directory.resolve()


def _name_and_question(paired: PairedRuns, root: Path) -> tuple[str, str]:
    study = paired.runs[0].record.config.get("study")
    declared = study if isinstance(study, Mapping) else {}
    parameters = list(dict.fromkeys(arm.change.parameter for arm in paired.arms if arm.change is not None))
    name = str(declared.get("name") or _LEADING_TIME.sub("", root.name) or root.name)
    if declared.get("question"):
        return name, str(declared["question"])
    if is_search(root):
        goals = listed([f"the {goal(one)}" for one in read_trials(root).objectives])
        return name, f"Which settings give {goals}?"
    if parameters:
        return name, f"What does changing {listed(parameters)} do to the music?"
    if len(paired.runs) + len(paired.left_out) == 1:
        return name, "What did this run produce?"
    return name, "What did these runs produce?"


def _overrides(value: object) -> list[str]:
    texts = [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
    return [override_without_password(text) for text in texts]


def _command(run: FoundRun) -> str:
    """The command that repeats the run's sweep, or the run itself, without output folders."""
    sweep = _sweep_of(run)
    # The confirmation of a search has its own plan but was started by the search's command.
    found = (folder / MARK_OF_A_SWEEP for folder in (sweep, sweep.parent))
    path = next((path for path in found if path.is_file()), None)
    content = None if path is None else read_yaml(path)
    hydra = content.get("hydra") if isinstance(content, Mapping) else None
    overrides = hydra.get("overrides") if isinstance(hydra, Mapping) else None
    if not isinstance(hydra, Mapping) or not isinstance(overrides, Mapping):
        return command_of_run(run)
    own = [text for text in _overrides(overrides.get("hydra")) if not text.startswith("hydra.mode=")]
    told = drop_overrides(_overrides(overrides.get("task")), "paths")
    return train_command([*config_words(hydra), "--multirun", *own, *told])


def command_of_run(run: FoundRun) -> str:
    """The run's training command, quoted anew so that it can be pasted into a shell.

    Returns "" for anything else: a record from somebody else may hold any line.
    """
    words = shlex.split(run.record.command)
    if words[: len(_TRAIN)] != _TRAIN:
        return ""
    return shlex.join(override_without_password(word) for word in words)
