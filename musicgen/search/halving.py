"""Successive halving (Jamieson & Talwalkar 2016; asynchronous: Li et al. 2020) over training iterations.

Trials stop on rungs, and only the best of those that reached a rung continue. All of them use the learning
rates of the full length: a stopped run is the beginning of a full run rather than a shorter run. So losses on
a rung are comparable, and losses at the end equal those of runs that were never stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from musicgen.errors import InputError
from musicgen.system.words import listed

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

SETTING = "hydra.sweeper.pruning"


@dataclass(frozen=True)
class Halving:
    """The rungs, and how many trials continue from each."""

    num_iterations: int
    """Length of a full run."""
    reduction_factor: int = 2
    """One in this many trials continues."""
    num_rungs: int = 0
    """0: trials are not stopped."""

    @classmethod
    def of(cls, setting: Mapping[str, object] | None, num_iterations: int) -> "Halving":
        """Read the setting, which may be null; raises InputError."""
        if setting is None:
            return cls(num_iterations)
        least = {"reduction_factor": 2, "num_rungs": 1}
        if set(setting) != set(least):
            raise InputError(f"{SETTING}: allowed are null and both of {listed([*least])}")
        return cls(
            num_iterations, **{name: whole(f"{SETTING}.{name}", setting[name], least[name]) for name in least}
        )

    @property
    def rungs(self) -> list[int]:
        """Iterations in ascending order, without the end of a run."""
        steps = (self._first * self.reduction_factor**rung for rung in range(self.num_rungs))
        return [iteration for iteration in steps if iteration < self.num_iterations]

    def pruner(self) -> "BasePruner":
        """Optuna's pruner, which judges the losses reported on the rungs."""
        from optuna.pruners import NopPruner, SuccessiveHalvingPruner

        if not self.rungs:
            return NopPruner()
        return SuccessiveHalvingPruner(
            min_resource=self._first, reduction_factor=self.reduction_factor, min_early_stopping_rate=0
        )

    @property
    def _first(self) -> int:
        return ceil(self.num_iterations / self.reduction_factor**self.num_rungs)


def whole(name: str, value: object, least: int) -> int:
    """Check that a setting is an integer of at least `least`; raises InputError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name}={value!r}: allowed are integers from {least}")
    return value
