"""The best config of a search as a file that Hydra reads: experiment=best, or one for each on the front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from musicgen.config import parse_config, plain_values
from musicgen.records.command import train_command, words_with_folder
from musicgen.records.naming import drop_overrides
from musicgen.records.runs import flat_config
from musicgen.search.trials import Trial, Trials, overrides_of
from musicgen.sweep.design import Compose, without_hydra
from musicgen.system.files import write_text_atomically

RESULTS = "optimization_results.yaml"
_GROUPS = ("model", "training")
"""Groups whose values the file always sets. It sets those of searched groups, too; overrides of other groups
stay on the command line."""


@dataclass(frozen=True)
class BestConfig:
    """The config of one trial, as changes of the files that were chosen for it."""

    name: str
    """Of the experiment."""
    trial: Trial
    choices: Mapping[str, str]
    """Group -> chosen file, for the experiment and the groups that the file sets."""
    changes: Mapping[str, Mapping[str, object]]
    """Group -> field -> value, where it differs from the chosen files."""
    overrides: Sequence[str]
    """Overrides of other groups."""
    hydra: Mapping[str, Any] = field(default_factory=dict)
    """Hydra's part of the config, which names the folders it was composed from."""

    @classmethod
    def of(cls, name: str, trial: Trial, fixed: Sequence[str], compose: Compose) -> "BestConfig":
        """Compare the trial's config with that of the chosen files alone."""
        overrides = [*fixed, *overrides_of(trial.levels)]
        composed = compose(overrides)
        searched = (name.lstrip("+").partition(".")[0] for name in trial.levels)
        groups = [
            name for name in dict.fromkeys([*_GROUPS, *searched]) if name in composed.hydra.runtime.choices
        ]
        choices = {group: str(composed.hydra.runtime.choices[group]) for group in ("experiment", *groups)}
        # They may be files with settings of the search, which Hydra looks for in every config.
        added = [text for text in fixed if text.startswith("+")]
        found, plain = (
            flat_config(parse_config(without_hydra(one)).as_dict())
            for one in (composed, compose([*added, *(f"{group}={name}" for group, name in choices.items())]))
        )
        changes: dict[str, dict[str, object]] = {group: {} for group in groups}
        for field_name, value in found.items():
            group, _, own_name = field_name.partition(".")
            if group in changes and plain[field_name] != value:
                changes[group][own_name] = value
        others = drop_overrides(overrides, *choices)
        return cls(name, trial, choices, changes, others, plain_values(composed.hydra))

    def write(self, directory: Path, heading: str) -> None:
        """Write the experiment; heading: its comment."""
        file = directory / "conf" / "experiment" / f"{self.name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        overrides = [{f"override /{group}": self.choices[group]} for group in self.changes]
        values = {group: changes for group, changes in self.changes.items() if changes}
        content = {"defaults": [self.choices["experiment"], "_self_", *overrides], **values}
        text = f"# @package _global_\n# {heading}\n{yaml.safe_dump(content, sort_keys=False)}"
        write_text_atomically(file, text)

    def command(self, directory: Path) -> str:
        """The command that runs the best config."""
        words = words_with_folder(self.hydra, directory / "conf")
        return train_command([*words, f"experiment={self.name}", *self.overrides])


def write_best(trials: Trials, fixed: Sequence[str], compose: Compose, directory: Path) -> None:
    """Write the best experiments, and the results in the format of Hydra's own sweeper for Optuna.

    fixed: overrides that all trials share.
    """
    objective, best = trials.single, trials.best
    if objective is not None and best is not None:
        config = BestConfig.of("best", best, fixed, compose)
        heading = f"{_described(best, trials)}, the {objective.extreme} of {len(trials.complete)}."
        config.write(directory, heading)
        assert best.values is not None
        results: dict[str, object] = {
            "best_params": dict(best.levels),
            "best_value": best.values[0],
            "command": config.command(directory),
        }
    else:
        solutions: list[dict[str, object]] = []
        for trial in trials.front:
            config = BestConfig.of(f"trial-{trial.number:03d}", trial, fixed, compose)
            config.write(
                directory, f"{_described(trial, trials)}, on the Pareto front of {len(trials.complete)}."
            )
            assert trial.values is not None
            solutions.append(
                {
                    "params": dict(trial.levels),
                    "values": [*trial.values],
                    "command": config.command(directory),
                }
            )
        results = {"solutions": solutions}
    write_text_atomically(directory / RESULTS, yaml.safe_dump({"name": "optuna", **results}, sort_keys=False))


def _described(trial: Trial, trials: Trials) -> str:
    return f"Trial {trial.number} of {trials.name}: {trials.results_of(trial)}"
