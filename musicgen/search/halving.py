"""Successive halving (Jamieson & Talwalkar 2016; asynchronous: Li et al. 2020) over training iterations.

Trials are stopped on rungs on their way, and only the best of those that reached a rung go on from it. All of
them train with the learning rates of the whole length: a stopped run is the beginning of the whole one and no
shorter run, so that losses on a rung are those of equally long parts, and losses at the end those of runs
that nobody ever stopped.
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
    """Which rungs there are, and how many trials go on from one."""

    num_iterations: int
    """Of a whole run."""
    reduction_factor: int = 2
    """One trial of so many goes on."""
    num_rungs: int = 0
    """0: no trial is stopped."""

    @classmethod
    def of(cls, setting: Mapping[str, object] | None, num_iterations: int) -> "Halving":
        """Read the setting; null is no rung. Raises InputError."""
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
        """Iterations, ascending; the end of a run is none of them."""
        steps = (self._first * self.reduction_factor**rung for rung in range(self.num_rungs))
        return [iteration for iteration in steps if iteration < self.num_iterations]

    def pruner(self) -> "BasePruner":
        """Optuna's judge of the losses that are reported on the rungs."""
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
    """The value of a setting, where it is a whole number from `least` on; else InputError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name}={value!r}: allowed are whole numbers from {least}")
    return value
