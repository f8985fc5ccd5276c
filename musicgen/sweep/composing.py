"""The configs of a sweep's jobs. Hydra composes each from its files, which takes a tenth of a second.

Most jobs of a sweep choose the same files and change single values. For them the files are composed once, and
the values are set in a copy as Hydra would set them.
"""

import copy
from collections.abc import Sequence
from functools import cached_property, lru_cache

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen.config import SET_BY_THE_SWEEPER, override_texts
from musicgen.errors import InputError
from musicgen.sweep.refusals import FILE_ERRORS, describe_refusal

_MOST_KEPT = 16
"""Compositions of files; a study of groups has as many as it has levels."""


class Composer:
    """Gives what `load_sweep_config` of Hydra's loader gives."""

    def __init__(self, loader: ConfigLoader, sweep: DictConfig) -> None:
        """sweep: the config that Hydra composed for the whole sweep."""
        self._loader = loader
        self._sweep = sweep
        self._of_files = lru_cache(_MOST_KEPT)(self._compose)

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The config of a job with these overrides; raises what Hydra raises where they give none."""
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        changes = [override for override in parsed if self._changes_a_value(override)]
        others = [override for override in parsed if override not in changes]
        if not changes or not all(self._chooses_a_file(override) for override in others):
            return self._compose(tuple(overrides))
        config = copy.deepcopy(self._of_files(tuple(str(override.input_line) for override in others)))
        try:
            for change in changes:
                OmegaConf.update(
                    config, change.key_or_group, change.value(), merge=True, force_add=change.is_add()
                )
        except OmegaConfBaseException:
            # Hydra says what is wrong with it.
            return self._compose(tuple(overrides))
        _tell_overrides(config, self._sweep, parsed)
        # What the sweep has resolved once, such as the time, stays as it is.
        OmegaConf.copy_cache(from_config=self._sweep, to_config=config)
        return config

    def _compose(self, overrides: tuple[str, ...]) -> DictConfig:
        try:
            return self._loader.load_sweep_config(self._sweep, list(overrides))
        except FILE_ERRORS as error:
            # A file of the user's may be no YAML.
            raise InputError(describe_refusal(error)) from error

    @cached_property
    def _groups(self) -> frozenset[str]:
        return frozenset(self._loader.get_group_options("", results_filter=ObjectType.GROUP))

    def _changes_a_value(self, override: Override) -> bool:
        """Whether it gives another value to what is there, and nothing of Hydra's own depends on it."""
        key = override.key_or_group
        is_added = override.type == OverrideType.ADD and key in SET_BY_THE_SWEEPER
        is_plain = (override.type == OverrideType.CHANGE or is_added) and override.package is None
        is_ours = not override.is_hydra_override() or key.startswith("hydra.sweep.")
        is_value = "/" not in key and (isinstance(override.value(), dict) or key not in self._groups)
        return is_plain and is_ours and is_value and not override.is_sweep_override()

    def _chooses_a_file(self, override: Override) -> bool:
        """Whether it says which file of a group is read."""
        key = override.key_or_group
        is_plain = override.type == OverrideType.CHANGE and not override.is_hydra_override()
        return is_plain and key.split("/")[0] in self._groups and isinstance(override.value(), str)


def _tell_overrides(config: DictConfig, sweep: DictConfig, overrides: Sequence[Override]) -> None:
    """Put all overrides, in their order, where Hydra tells a job of them."""
    of_hydra = [str(each.input_line) for each in overrides if each.is_hydra_override()]
    config.hydra.overrides.hydra = [*override_texts(sweep.hydra.overrides.hydra), *of_hydra]
    config.hydra.overrides.task = [str(each.input_line) for each in overrides if not each.is_hydra_override()]
