"""Everything that a report is made of, read from the folders of runs before anything is written."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.effects.corpora import describe_changed_corpora
from musicgen.effects.effect import Effect
from musicgen.effects.joint import Additivity, additivity
from musicgen.effects.pairing import PairedRuns, pair_runs
from musicgen.effects.summary import MissingRun, failures_of, missing_runs, with_missing
from musicgen.effects.table import Terms, effects_table
from musicgen.records.command import config_words, train_command
from musicgen.records.findings import Finding, findings_of
from musicgen.records.naming import told_overrides
from musicgen.records.ratings import find_means, find_ratings, tune_means, with_ratings
from musicgen.records.record import FILE_NAME
from musicgen.records.runs import FoundRun, find_runs, runs_table, sweep_directory
from musicgen.reporting.board import Ratings
from musicgen.reporting.portable import without_folders
from musicgen.search.trials import Trials, is_search, read_trials
from musicgen.system.passwords import override_without_password
from musicgen.system.plain_yaml import read_yaml

if TYPE_CHECKING:
    from pandas import DataFrame

_WHEN = re.compile(r"^[\d-]+-(?=\D)")
"""The time at the front of a folder's name."""
_SWEEP_CONFIG = "multirun.yaml"
_TRAIN = ["python", "-m", "musicgen.train"]


@dataclass(frozen=True, slots=True)
class Material:
    """A study as it lies on the disk, with what people heard in it."""

    name: str
    question: str
    """Declared, or what the runs amount to."""
    root: Path
    """The folder that holds all runs; directories are told from here."""
    address: str
    """The paths as commands name them; of an absolute one only its name, since pages are shared."""
    star: PairedRuns
    runs: "DataFrame"
    effects: Sequence[Effect]
    additivity: Sequence[Additivity]
    failures: Sequence[str]
    """A line for each run that did not complete, or is missing."""
    missing: Sequence[MissingRun]
    """What was planned and left no record."""
    not_compared: Sequence[str]
    """A line for each corpus that the runs read as different texts, and for runs that are not as declared."""
    terms: Terms
    """Primary metrics and margins."""
    findings: Sequence[Finding]
    ratings: Ratings
    listening: Sequence[Mapping[str, str]]
    search: Trials | None
    """Of a search that the root is the folder of."""
    commands: Sequence[str]
    """That make the runs again, one for each sweep or run made by hand."""

    @property
    def all_runs(self) -> list[FoundRun]:
        """Also those that belong to no arm."""
        return [*self.star.runs, *self.star.left_out]

    @property
    def num_planned(self) -> int:
        """Runs of baseline and arms, those included that are missing."""
        return len(self.star.runs) + len(self.missing)

    @property
    def primary_metrics(self) -> Sequence[str]:
        """Those that were declared before."""
        return self.terms.primary_metrics

    def margin(self, metric: str) -> float | None:
        """The difference that counts as none: declared, or 1 SD of held-out tunes."""
        return self.terms.margin(metric, self.star.runs)

    @property
    def kind(self) -> str:
        """What this is, in a word."""
        if self.search:
            return "search"
        return "study" if self.has_changes else "run" if len(self.all_runs) == 1 else "pile of runs"

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to compare."""
        return bool(self.star.arms)


def gather(paths: Sequence[Path], baseline: Mapping[str, str] | None = None) -> Material:
    """Read the runs at or below the paths. Raises InputError where there is none or one cannot be read."""
    runs = find_runs(paths)
    root = _common_folder(paths)
    ratings = find_ratings(runs, root)
    star = pair_runs(with_ratings(runs, ratings), baseline)
    effects, missing = effects_table(star), missing_runs(runs, root)
    name, question = _name_and_question(star, root)
    return Material(
        name=name,
        question=question,
        root=root,
        address=shlex.join(str(path) if not path.is_absolute() else path.name for path in paths),
        star=star,
        runs=with_missing(runs_table([*star.runs, *star.left_out], root), missing),
        effects=effects,
        additivity=additivity(effects),
        failures=[without_folders(line) for line in (*failures_of(star, root), *map(str, missing))],
        missing=missing,
        not_compared=[*describe_changed_corpora(runs, root), *star.doubts],
        terms=Terms.of(star),
        findings=findings_of(runs, root),
        ratings=tune_means(ratings),
        listening=find_means(runs, root),
        search=read_trials(root) if is_search(root) else None,
        commands=list(filter(None, dict.fromkeys(_command(run, root) for run in runs))),
    )


def with_findings_of_now(material: Material) -> Material:
    """The same with the findings that the logs hold now."""
    return replace(material, findings=findings_of(material.all_runs, material.root))


def _common_folder(paths: Sequence[Path]) -> Path:
    folders = [path.parent if path.name == FILE_NAME else path for path in paths]
    return Path(os.path.commonpath([folder.resolve() for folder in folders]))


def _sweep_of(run: FoundRun, root: Path) -> Path:
    """The folder of the run's sweep, as far as it lies at or below the root; else the run's own."""
    sweep = sweep_directory(run)
    is_sweep = (sweep / _SWEEP_CONFIG).is_file() or (sweep / "plan.csv").is_file()
    return sweep if is_sweep else run.directory.resolve()


def _name_and_question(star: PairedRuns, root: Path) -> tuple[str, str]:
    study = star.runs[0].record.config.get("study")
    declared = study if isinstance(study, Mapping) else {}
    parameters = list(dict.fromkeys(arm.change.parameter for arm in star.arms if arm.change is not None))
    name = str(declared.get("name") or _WHEN.sub("", root.name) or root.name)
    if declared.get("question"):
        return name, str(declared["question"])
    if is_search(root):
        return name, "Which settings give the lowest validation loss?"
    if parameters:
        return name, f"What do changes of {_joined(parameters)} do to the music?"
    if len(star.runs) + len(star.left_out) == 1:
        return name, "What does this one run give?"
    return name, "What do these runs give?"


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _overrides(value: object) -> list[str]:
    texts = [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
    return [override_without_password(text) for text in texts]


def _command(run: FoundRun, root: Path) -> str:
    """The command of the sweep that made the run, or of the run itself, wherever its outputs went."""
    sweep = _sweep_of(run, root)
    # The confirmation of a search has a plan of its own, and the search's command.
    found = (folder / _SWEEP_CONFIG for folder in (sweep, sweep.parent))
    path = next((path for path in found if path.is_file()), None)
    content = None if path is None else read_yaml(path)
    hydra = content.get("hydra") if isinstance(content, Mapping) else None
    overrides = hydra.get("overrides") if isinstance(hydra, Mapping) else None
    if not isinstance(hydra, Mapping) or not isinstance(overrides, Mapping):
        return command_of_run(run)
    own = [text for text in _overrides(overrides.get("hydra")) if not text.startswith("hydra.mode=")]
    told = told_overrides(_overrides(overrides.get("task")), "paths")
    return train_command([*config_words(hydra), "--multirun", *own, *told])


def command_of_run(run: FoundRun) -> str:
    """The run's command, quoted anew: whoever reads the page pastes it into a shell.

    A record from somebody else may hold any line. What is no command of this program is not shown.
    """
    words = shlex.split(run.record.command)
    if words[: len(_TRAIN)] != _TRAIN:
        return ""
    return shlex.join(override_without_password(word) for word in words)
