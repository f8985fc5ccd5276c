"""Optuna's samplers as conf/hydra/sweeper/sampler/ names them, one for each trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.utils import instantiate

from musicgen.errors import InputError
from musicgen.search.space import Space

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

ALLOWED = "optuna.samplers.*"
_ONE_SEQUENCE = ("GridSampler", "QMCSampler")
"""Samplers whose seed orders all trials, so it must be the same in every process."""


@dataclass(frozen=True)
class Samplers:
    """Makes the sampler of each trial."""

    config: Mapping[str, object]
    """Class and arguments, in Hydra's form."""
    space: Space

    @property
    def _kind(self) -> str:
        return str(self.config["_target_"]).rpartition(".")[2]

    def max_trials(self, wanted: int) -> int:
        """The number of trials to run: a grid has only so many points."""
        if self._kind != "GridSampler":
            return wanted
        return min(wanted, prod(map(len, self.space.grid().values())))

    def for_trial(self, number: int) -> "BaseSampler":
        """The sampler of one trial; with a seed, its random numbers depend on the trial's number alone."""
        arguments: dict[str, Any] = {}
        seed = self.config.get("seed")
        if self._kind == "GridSampler":
            arguments["search_space"] = self.space.grid()
        if isinstance(seed, int) and self._kind not in _ONE_SEQUENCE:
            # seed + number would make the next seed repeat the same points one trial later.
            stream = np.random.SeedSequence(seed, spawn_key=(number,))
            arguments["seed"] = int(stream.generate_state(1)[0])
        try:
            return instantiate(dict(self.config), _execution_whitelist_=ALLOWED, **arguments)
        except (TypeError, ValueError) as error:
            raise InputError(f"hydra.sweeper.sampler: {' '.join(str(error).split())}") from error
