"""The arms of a one-at-a-time study: a baseline, and single changes of it.

The baseline is what the overrides without a choice compose to. Every level of every swept parameter is an
arm; a level that composes to the baseline, or to an arm that is there already, is not run twice. `seed` is
no parameter but the number of repetitions.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, ListConfig, OmegaConf

from musicgen.config import Change, Config, Level, StudyConfig, parse_config
from musicgen.effects.differences import COMBINED, differing_parameters, is_declared
from musicgen.effects.pairing import identity_leaves
from musicgen.errors import InputError
from musicgen.records.naming import folder_name, override_text, unique_names
from musicgen.sweep.plan import BASELINE
from musicgen.sweep.refusals import FILE_ERRORS, describe_refusal

NOT_SWEPT = ("hydra", "paths", "tracker", "rendering", "device", "study", "change", "retuned")
"""Groups that change no number of a run, or belong to the sweep itself."""


Compose = Callable[[Sequence[str]], DictConfig]
"""Composes a config from overrides as the command line does, Hydra's own part included."""


def composer(loader: ConfigLoader, sweep: DictConfig) -> Compose:
    """How the configs of a sweep's jobs are composed; sweep: the config of the whole sweep.

    What the sweep has resolved already, such as the time, stays as it is.
    """

    def compose(overrides: Sequence[str]) -> DictConfig:
        try:
            return loader.load_sweep_config(sweep, list(overrides))
        except FILE_ERRORS as error:
            # A file of the user's may be no YAML.
            raise InputError(describe_refusal(error)) from error

    return compose


@dataclass(frozen=True)
class Arm:
    """A configuration of the study, for all seeds."""

    name: str
    overrides: Sequence[str]
    """Those of the baseline first."""
    composed: DictConfig
    """Without Hydra's own part."""
    choices: Mapping[str, str]
    """Group -> the file chosen in it."""
    config: Config
    """With the baseline's seed; `with_seed` gives the others."""

    def with_seed(self, seed: int) -> Config:
        """The config with another seed, and with whatever follows it."""
        composed = self.composed.copy()
        composed.seed = seed
        return replace(parse_config(composed), change=self.config.change, retuned=self.config.retuned)

    def value(self, parameter: str) -> Level:
        """The value of a parameter, or the choice made in a group."""
        if parameter in self.choices:
            return self.choices[parameter]
        value = OmegaConf.select(self.composed, parameter)
        if isinstance(value, ListConfig):
            return list(value)
        return str(value) if isinstance(value, DictConfig) else value


@dataclass(frozen=True)
class Star:
    """What the command line and the declared study ask for."""

    study: StudyConfig
    baseline: Sequence[str]
    """Overrides of the baseline."""
    levels: Mapping[str, Sequence[str]]
    """Parameter or group -> its levels, in the grammar of overrides."""
    seeds: Sequence[int]

    @classmethod
    def of(cls, overrides: Sequence[Override], study: StudyConfig, seed: int) -> "Star":
        """Sort the overrides of a multirun; raises InputError where a choice is none of single values."""
        levels = {
            parameter: [override_text(level) for level in given] for parameter, given in study.changes.items()
        }
        baseline, seeds = list(study.baseline), study.seeds or [seed]
        for override in overrides:
            key = override.get_key_element()
            if not override.is_sweep_override():
                baseline.append(f"{key}={override.get_value_element_as_str()}")
                if key == "seed":
                    seeds = [seed]
                continue
            if not override.is_discrete_sweep():
                raise InputError(
                    f"{override.input_line}: a study needs single values; intervals are for a search"
                )
            choices = list(override.sweep_string_iterator())
            if key == "seed":
                seeds = _read_seeds(choices)
            elif key.split(".")[0].split("/")[0] in NOT_SWEPT:
                raise InputError(
                    f"{override.input_line}: {key} cannot be swept: it changes no result of a run"
                )
            else:
                levels[key.lstrip("+")] = choices
        return cls(study, baseline, levels, list(dict.fromkeys(seeds)))

    def arms(self, compose: Compose) -> list[Arm]:
        """The baseline first, then every change, then what is tuned again."""
        baseline = compose_arm(compose, BASELINE, self.baseline)
        changed = [baseline]
        for parameter, levels in self.levels.items():
            for level in levels:
                arm = self._change(compose, baseline, parameter, level)
                if not any(_is_same(arm, other) for other in changed):
                    changed.append(arm)
        retuned = []
        for arm in changed:
            for arm_again in self._retune(compose, baseline, arm):
                if not any(_is_same(arm_again, other) for other in (*changed, *retuned)):
                    retuned.append(arm_again)
        arms = [*changed, *retuned]
        names = unique_names([arm.name for arm in arms])
        return [replace(arm, name=name) for arm, name in zip(arms, names, strict=True)]

    def combine(self, compose: Compose, baseline: Arm, winners: Sequence[Arm]) -> Arm:
        """The changes of several arms in one; what an arm changes is the last of its overrides."""
        overrides = [*baseline.overrides, *(arm.overrides[-1] for arm in winners)]
        changes = [arm.config.change for arm in winners]
        told = " ".join(f"{change.parameter}={change.value}" for change in changes if change is not None)
        return compose_arm(compose, COMBINED, overrides, Change(COMBINED, told, None))

    def _change(self, compose: Compose, baseline: Arm, parameter: str, level: str) -> Arm:
        arm = compose_arm(
            compose, folder_name(f"{parameter}={_unquoted(level)}"), [*self.baseline, f"{parameter}={level}"]
        )
        change = Change(parameter, arm.value(parameter), baseline.value(parameter))
        return _declaring(arm, baseline, change)

    def _retune(self, compose: Compose, baseline: Arm, arm: Arm) -> Iterator[Arm]:
        """The arm with every other combination of the nuisance parameters."""
        names = list(self.study.nuisance)
        change = arm.config.change
        if not names or (change is not None and change.parameter in names):
            return
        for values in itertools.product(*self.study.nuisance.values()):
            overrides = [f"{name}={override_text(value)}" for name, value in zip(names, values, strict=True)]
            again = compose_arm(
                compose,
                folder_name("-".join([arm.name, *overrides])),
                [*arm.overrides, *overrides],
                change,
            )
            retuned = {name: again.value(name) for name in names if again.value(name) != baseline.value(name)}
            if retuned:
                again = replace(again, config=replace(again.config, retuned=retuned))
                yield again if change is None else _declaring(again, baseline, change)


def compose_arm(compose: Compose, name: str, overrides: Sequence[str], change: Change | None = None) -> Arm:
    """The arm of this name with these overrides; raises InputError where they give no config."""
    composed = compose(overrides)
    choices = {str(group): str(choice) for group, choice in composed.hydra.runtime.choices.items()}
    composed = without_hydra(composed)
    config = replace(parse_config(composed), change=change)
    return Arm(name, list(overrides), composed, choices, config)


def _declaring(arm: Arm, baseline: Arm, change: Change) -> Arm:
    """The arm with everything in its record that it changes."""
    first, second = (identity_leaves(one.config.as_dict()) for one in (baseline, arm))
    declared = [change.parameter, *arm.config.retuned]
    also = [name for name in differing_parameters(first, second) if not is_declared(name, declared)]
    if also or change.parameter not in {*first, *second}:
        change = replace(change, also_changes=also)
    return replace(arm, config=replace(arm.config, change=change))


def without_hydra(composed: DictConfig) -> DictConfig:
    """What belongs to the run in a config that Hydra composed."""
    return OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])


def _is_same(arm: Arm, other: Arm) -> bool:
    """Whether two arms are one configuration, whatever they are called."""
    return replace(arm.config, change=None, retuned={}) == replace(other.config, change=None, retuned={})


def _unquoted(level: str) -> str:
    return re.sub(r"[\[\]\"']", "", level)


def _read_seeds(choices: Sequence[str]) -> list[int]:
    try:
        return [int(choice) for choice in choices]
    except ValueError:
        raise InputError(f"seed={','.join(choices)}: seeds are whole numbers from 0") from None
