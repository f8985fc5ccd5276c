"""The best config of a search as files that Hydra reads: it is a choice of the group `training`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from musicgen.config import parse_config, plain_values
from musicgen.records.command import train_command, words_beside
from musicgen.records.naming import told_overrides
from musicgen.records.runs import flat_config
from musicgen.search.trials import Trial, Trials, overrides_of
from musicgen.sweep.design import Compose, without_hydra
from musicgen.system.files import write_text_atomically

RESULTS = "optimization_results.yaml"
NAME = "best"
_GROUPS = ("model", "training")
"""What the file sets; everything else that the search had stays on the command line."""


@dataclass(frozen=True)
class BestConfig:
    """The config of one trial, as changes of the training set-up that it had."""

    trial: Trial
    setup: str
    """The choice in the group `training` that it builds on."""
    changes: Mapping[str, Mapping[str, object]]
    """Group -> field -> value, where it is not that of the set-up."""
    overrides: Sequence[str]
    """Of other groups."""
    hydra: Mapping[str, Any] = field(default_factory=dict)
    """Hydra's part of the config, which says from which folders it was composed."""

    @classmethod
    def of(cls, trial: Trial, fixed: Sequence[str], compose: Compose) -> "BestConfig":
        """Compare the trial's config with that of its set-up alone."""
        overrides = [*fixed, *overrides_of(trial.levels)]
        composed = compose(overrides)
        setup = str(composed.hydra.runtime.choices["training"])
        found, plain = (
            flat_config(parse_config(without_hydra(one)).as_dict())
            for one in (composed, compose([f"training={setup}"]))
        )
        changes: dict[str, dict[str, object]] = {group: {} for group in _GROUPS}
        for name, value in found.items():
            group, _, field = name.partition(".")
            if group in changes and plain[name] != value:
                changes[group][field] = value
        return cls(trial, setup, changes, told_overrides(overrides, *_GROUPS), plain_values(composed.hydra))

    def write(self, directory: Path, trials: Trials) -> None:
        """Write the choice, and the best values as Hydra's own searches leave them."""
        values = {group: changes for group, changes in self.changes.items() if changes}
        file = directory / "conf" / "training" / f"{NAME}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        heading = (
            "# @package _global_\n"
            f"# Trial {self.trial.number} of {trials.name}: validation loss {self.trial.loss:.4f}, "
            f"the lowest of {len(trials.complete)}.\n"
        )
        content = {"defaults": [self.setup], **values}
        write_text_atomically(file, heading + yaml.safe_dump(content, sort_keys=False))
        results = {
            "name": "optuna",
            "best_params": dict(self.trial.levels),
            "best_value": self.trial.loss,
            "command": self.command(directory),
        }
        write_text_atomically(directory / RESULTS, yaml.safe_dump(results, sort_keys=False))

    def command(self, directory: Path) -> str:
        """The line that runs the best config."""
        words = words_beside(self.hydra, directory / "conf")
        return train_command([*words, f"training={NAME}", *self.overrides])
