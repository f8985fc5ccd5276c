"""The design of a one-at-a-time study: a baseline, single changes of it, and the seeds of both.

The baseline is what the overrides without a choice compose to. Each level of each swept parameter is an arm,
unless it composes to the baseline or to an earlier arm. `seed` is not a parameter: it repeats every arm.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException

from musicgen.config import NOT_SWEPT, Change, Config, Level, StudyConfig, parse_config
from musicgen.effects.differences import COMBINED, differing_parameters, is_declared
from musicgen.effects.pairing import identity_leaves
from musicgen.errors import InputError
from musicgen.records.naming import folder_name, override_text, unique_names
from musicgen.records.runs import level_cell
from musicgen.sweep.refusals import FILE_ERRORS, describe_refusal

BASELINE = "baseline"
"""The arm that changes nothing."""

Compose = Callable[[Sequence[str]], DictConfig]
"""Composes a config from overrides as the command line does, including Hydra's own part."""


def composer(loader: ConfigLoader, sweep: DictConfig) -> Compose:
    """A function that composes the configs of a sweep's jobs; sweep: the config of the whole sweep.

    Values that the sweep has already resolved, such as the time, stay the same in its jobs.
    """

    def compose(overrides: Sequence[str]) -> DictConfig:
        try:
            return loader.load_sweep_config(sweep, list(overrides))
        except FILE_ERRORS as error:
            raise InputError(describe_refusal(error)) from error

    return compose


def with_value(composed: DictConfig, parameter: str, level: str) -> DictConfig | None:
    """What Hydra composes with another value of a field; None if only Hydra knows, as for a group's choice.

    Hydra would read and merge every file again, which takes minutes for a thousand arms.
    """
    if parameter in composed.hydra.runtime.choices or parameter.partition(".")[0] == "hydra":
        return None
    try:
        override = OverridesParser.create().parse_override(f"{parameter}={level}")
        if override.type is not OverrideType.CHANGE or override.package or override.is_sweep_override():
            return None
        changed = composed.copy()
        OmegaConf.update(changed, parameter, override.value())
    except (HydraException, OmegaConfBaseException):
        # Hydra finds it wrong as well, and says where.
        return None
    with read_write(changed.hydra):
        changed.hydra.overrides.task.append(override.input_line)
    return changed


def single_override(override: Override) -> str:
    """The text of an override that is no sweep."""
    if override.is_delete():
        # Hydra reads `~name=null` as: delete this only if it is null.
        return str(override.input_line)
    return f"{override.get_key_element()}={override.get_value_element_as_str()}"


def without_hydra(composed: DictConfig) -> DictConfig:
    """The part of a composed config that belongs to the run."""
    return OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])


@dataclass(frozen=True)
class PlannedArm:
    """One configuration of the study, for all seeds."""

    name: str
    overrides: Sequence[str]
    """The baseline's come first."""
    composed: DictConfig
    """What the overrides compose to, including Hydra's part."""
    config: Config
    """With the baseline's seed; see `with_seeds`."""

    @classmethod
    def compose(
        cls, compose: Compose, name: str, overrides: Sequence[str], change: Change | None = None
    ) -> "PlannedArm":
        """The arm that these overrides make; raises InputError if they do not give a valid config."""
        return cls.of(compose(overrides), name, overrides, change)

    @classmethod
    def of(
        cls, composed: DictConfig, name: str, overrides: Sequence[str], change: Change | None = None
    ) -> "PlannedArm":
        """The arm of a composed config; raises InputError if that is not a valid one."""
        config = replace(parse_config(without_hydra(composed)), change=change)
        return cls(name, list(overrides), composed, config)

    def with_seeds(self, seeds: Sequence[int]) -> Iterator[Config]:
        """The config with each seed and everything that refers to it."""
        composed = without_hydra(self.composed)
        for seed in seeds:
            composed.seed = seed
            yield replace(parse_config(composed), change=self.config.change, retuned=self.config.retuned)

    def value(self, parameter: str) -> Level:
        """The value of a parameter, or the choice made in a group."""
        choices = dict(self.composed.hydra.runtime.choices)
        if parameter in choices:
            return str(choices[parameter])
        value = OmegaConf.select(self.composed, parameter)
        if isinstance(value, ListConfig):
            return list(value)
        return str(value) if isinstance(value, DictConfig) else value


@dataclass(frozen=True)
class StudyDesign:
    """What the command line and the declared study ask for."""

    study: StudyConfig
    baseline: Sequence[str]
    """Overrides."""
    levels: Mapping[str, Sequence[str]]
    """Parameter or group -> its levels, in the grammar of overrides."""
    seeds: Sequence[int]

    @classmethod
    def of(cls, overrides: Sequence[Override], study: StudyConfig, seed: int) -> "StudyDesign":
        """Sort the overrides of a multirun; raises InputError for one that a study cannot sweep."""
        levels = {
            parameter: [override_text(level) for level in given] for parameter, given in study.changes.items()
        }
        baseline, seeds = list(study.baseline), study.seeds or [seed]
        for override in overrides:
            key = override.get_key_element()
            if not override.is_sweep_override():
                baseline.append(single_override(override))
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

    def arms(self, compose: Compose) -> list[PlannedArm]:
        """The baseline, then every change, then the arms with retuned nuisance parameters."""
        baseline = PlannedArm.compose(compose, BASELINE, self.baseline)
        # By configuration: one that another arm has under a different name is left out.
        arms = {_configuration(baseline): baseline}
        for parameter, levels in self.levels.items():
            for level in levels:
                arm = self._change(compose, baseline, parameter, level)
                arms.setdefault(_configuration(arm), arm)
        for arm in list(arms.values()):
            for retuned in self._retune(compose, baseline, arm):
                arms.setdefault(_configuration(retuned), retuned)
        names = unique_names([arm.name for arm in arms.values()])
        return [replace(arm, name=name) for arm, name in zip(arms.values(), names, strict=True)]

    def confirming(self, arms: Sequence[PlannedArm], seeds: Sequence[int]) -> "StudyDesign":
        """The second stage: the baseline and these arms of the first, whose last override is their change."""
        changes = (arm.overrides[-1].partition("=") for arm in arms)
        return replace(
            self,
            study=replace(self.study, stages=None),
            baseline=[*self.baseline, "study.stages=null"],
            levels={parameter: [level] for parameter, _, level in changes},
            seeds=seeds,
        )

    def combine(self, compose: Compose, baseline: PlannedArm, winners: Sequence[PlannedArm]) -> PlannedArm:
        """The changes of several arms in one; an arm's own change is its last override."""
        overrides = [*baseline.overrides, *(arm.overrides[-1] for arm in winners)]
        changes = [arm.config.change for arm in winners]
        text = " ".join(
            f"{change.parameter}={level_cell(change.value)}" for change in changes if change is not None
        )
        return PlannedArm.compose(compose, COMBINED, overrides, Change(COMBINED, text, None))

    def _change(self, compose: Compose, baseline: PlannedArm, parameter: str, level: str) -> PlannedArm:
        name = folder_name(f"{parameter}={_unquoted(level)}")
        overrides = [*self.baseline, f"{parameter}={level}"]
        composed = with_value(baseline.composed, parameter, level)
        arm = PlannedArm.of(compose(overrides) if composed is None else composed, name, overrides)
        change = Change(parameter, arm.value(parameter), baseline.value(parameter))
        return _with_change(arm, baseline, change)

    def _retune(self, compose: Compose, baseline: PlannedArm, arm: PlannedArm) -> Iterator[PlannedArm]:
        """The arm with every other combination of the nuisance parameters."""
        names = list(self.study.nuisance)
        change = arm.config.change
        if not names or (change is not None and change.parameter in names):
            return
        for values in itertools.product(*self.study.nuisance.values()):
            overrides = [f"{name}={override_text(value)}" for name, value in zip(names, values, strict=True)]
            name = folder_name("-".join([arm.name, *overrides]))
            again = PlannedArm.compose(compose, name, [*arm.overrides, *overrides], change)
            retuned = {name: again.value(name) for name in names if again.value(name) != baseline.value(name)}
            if retuned:
                again = replace(again, config=replace(again.config, retuned=retuned))
                yield again if change is None else _with_change(again, baseline, change)


def _configuration(arm: PlannedArm) -> str:
    """Equal for arms that differ in their names and declared changes only."""
    return repr(replace(arm.config, change=None, retuned={}))


def _with_change(arm: PlannedArm, baseline: PlannedArm, change: Change) -> PlannedArm:
    """The arm with its change, and with every other field that differs from the baseline."""
    first, second = (identity_leaves(one.config.as_dict()) for one in (baseline, arm))
    declared = [change.parameter, *arm.config.retuned]
    also = [name for name in differing_parameters(first, second) if not is_declared(name, declared)]
    if also or change.parameter not in {*first, *second}:
        change = replace(change, also_changes=also)
    return replace(arm, config=replace(arm.config, change=change))


def _unquoted(level: str) -> str:
    return re.sub(r"[\[\]\"']", "", level)


def _read_seeds(choices: Sequence[str]) -> list[int]:
    try:
        return [int(choice) for choice in choices]
    except ValueError:
        raise InputError(f"seed={','.join(choices)}: seeds are whole numbers from 0") from None
