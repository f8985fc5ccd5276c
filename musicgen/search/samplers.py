"""Optuna's samplers as the group hydra/sweeper/sampler names them, one for each trial."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.errors import HydraException
from hydra.utils import instantiate

from musicgen.errors import InputError
from musicgen.search.objective import OptunaDirection
from musicgen.search.plugin import SAMPLERS
from musicgen.search.space import Space
from musicgen.search.trials import Value

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

SETTING = "hydra.sweeper.sampler"
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
        """The sampler of one trial; with a seed, its random numbers depend on the trial's number alone.

        Raises InputError.
        """
        arguments: dict[str, Any] = dict(self.config)
        seed = arguments.get("seed")
        own_seed = seed
        if isinstance(seed, int):
            # seed + number would make the next seed repeat the same points one trial later.
            stream = np.random.SeedSequence(seed, spawn_key=(number,))
            own_seed = int(stream.generate_state(1)[0])
        if self._kind in _ONE_SEQUENCE:
            arguments["seed"] = seed or 0
        elif seed is not None:
            arguments["seed"] = own_seed
        if self._kind == "GridSampler":
            arguments.update(search_space=self.space.grid(), _partial_=False)
        if self._kind == "QMCSampler" and arguments.get("independent_sampler") is None:
            # For choices, which the sequence leaves out. With the sequence's seed they would never change.
            arguments["independent_sampler"] = {"_target_": "optuna.samplers.RandomSampler", "seed": own_seed}
        try:
            return instantiate(arguments, _execution_whitelist_=SAMPLERS)
        except (TypeError, ValueError, HydraException) as error:
            raise InputError(f"{SETTING}: {' '.join(str(error).split())}") from error

    def first_point(self, directions: Sequence[OptunaDirection]) -> Mapping[str, Value]:
        """A point of the space that this sampler draws for these objectives; raises InputError."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            # The sampler is the user's choice.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study = optuna.create_study(directions=list(directions), sampler=self.for_trial(0))
            try:
                trial = study.ask()
                self.space.suggest(trial)
            except (TypeError, ValueError, RuntimeError, ImportError) as error:
                raise InputError(f"{SETTING}: {' '.join(str(error).split())}") from error
        return trial.params
