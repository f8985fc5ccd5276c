"""The best config of a search as a file that Hydra reads: experiment=best."""

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
NAME = "best"
_GROUPS = ("model", "training")
"""Groups whose values the file sets; overrides of other groups stay on the command line."""


@dataclass(frozen=True)
class BestConfig:
    """The config of one trial, as changes of the files that were chosen for it."""

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
    def of(cls, trial: Trial, fixed: Sequence[str], compose: Compose) -> "BestConfig":
        """Compare the trial's config with that of the chosen files alone."""
        overrides = [*fixed, *overrides_of(trial.levels)]
        composed = compose(overrides)
        choices = {group: str(composed.hydra.runtime.choices[group]) for group in ("experiment", *_GROUPS)}
        found, plain = (
            flat_config(parse_config(without_hydra(one)).as_dict())
            for one in (composed, compose([f"{group}={name}" for group, name in choices.items()]))
        )
        changes: dict[str, dict[str, object]] = {group: {} for group in _GROUPS}
        for name, value in found.items():
            group, _, own_name = name.partition(".")
            if group in changes and plain[name] != value:
                changes[group][own_name] = value
        others = drop_overrides(overrides, *choices)
        return cls(trial, choices, changes, others, plain_values(composed.hydra))

    def write(self, directory: Path, trials: Trials) -> None:
        """Write the experiment, and the best values in the format of Hydra's own sweepers."""
        file = directory / "conf" / "experiment" / f"{NAME}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        heading = (
            "# @package _global_\n"
            f"# Trial {self.trial.number} of {trials.name}: validation loss {self.trial.loss:.4f}, "
            f"the lowest of {len(trials.complete)}.\n"
        )
        overrides = [{f"override /{group}": self.choices[group]} for group in _GROUPS]
        values = {group: changes for group, changes in self.changes.items() if changes}
        content = {"defaults": [self.choices["experiment"], "_self_", *overrides], **values}
        write_text_atomically(file, heading + yaml.safe_dump(content, sort_keys=False))
        results = {
            "name": "optuna",
            "best_params": dict(self.trial.levels),
            "best_value": self.trial.loss,
            "command": self.command(directory),
        }
        write_text_atomically(directory / RESULTS, yaml.safe_dump(results, sort_keys=False))

    def command(self, directory: Path) -> str:
        """The command that runs the best config."""
        words = words_with_folder(self.hydra, directory / "conf")
        return train_command([*words, f"experiment={NAME}", *self.overrides])
