"""The trials of a search in its database, claimed one by one by any number of processes.

Claims happen under a lock, so there are never more trials than requested. Each process also holds a lock of
its own while it lives. A running trial without such a lock is an orphan: the next claim resumes it with the
same number, parameters and folder.
"""

import json
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import distribution_to_json
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from musicgen.errors import InputError
from musicgen.records.runs import flat_config
from musicgen.search.objective import OptunaDirection
from musicgen.search.space import Space

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from musicgen.search.storage import Database

TERMS, OWNER = "terms", "owner"
"""Attributes in the database: TERMS of the search, OWNER of a trial."""


class Search:
    """The trials of one search."""

    def __init__(
        self,
        database: "Database",
        name: str,
        space: Space,
        terms: Mapping[str, object],
        sampler: Callable[[int], "BaseSampler"],
        pruner: "BasePruner",
        directions: Sequence[OptunaDirection] = ("minimize",),
        max_failure_rate: float = 1.0,
        min_ended: int = 1,
        metrics: Sequence[str] = (),
    ) -> None:
        """Open the search, or begin it; raises InputError if another search has its name.

        terms: what identifies the search, as JSON values; sampler: makes the sampler of a trial by number;
        directions: Optuna's, one for each objective; max_failure_rate: the share of the trials ending from
        now on that may fail, as of `min_ended` trials while there are fewer; metrics: names of the objectives
        for Optuna's dashboard.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._storage, self._locks, self._name = database.storage, database.locks, name
        self._space, self._sampler, self._pruner = space, sampler, pruner
        with self._locks.alone(name):
            self.study = optuna.create_study(
                storage=self._storage,
                study_name=name,
                pruner=pruner,
                directions=list(directions),
                load_if_exists=True,
            )
            self._agree_on(terms, directions)
            if metrics and self.study.metric_names is None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ExperimentalWarning)
                    self.study.set_metric_names(list(metrics))
        self._max_failure_rate, self._min_ended = max_failure_rate, min_ended
        self._ended_before = {trial.number for trial in self.trials if trial.state.is_finished()}
        self._me = uuid.uuid4().hex
        self._locks.take(self._me)

    def _agree_on(self, terms: Mapping[str, object], directions: Sequence[str]) -> None:
        agreed = json.loads(json.dumps({**terms, "space": space_as_json(self._space)}))
        if not self.study.user_attrs and not self.study.get_trials(deepcopy=False):
            self.study.set_user_attr(TERMS, agreed)
            return
        there = self.study.user_attrs.get(TERMS)
        if isinstance(there, dict):
            # Optuna stores the directions, and keeps those of the study that exists.
            there = {**there, "direction": [one.name.lower() for one in self.study.directions]}
            agreed = {**agreed, "direction": list(directions)}
        if there != agreed:
            raise InputError(
                f"the storage has another search named {self._name}: {_difference(there, agreed)}; "
                "hydra.sweeper.study_name=NAME starts a new one"
            )

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials that have begun, by number."""
        return [
            trial for trial in self.study.get_trials(deepcopy=False) if trial.state is not TrialState.WAITING
        ]

    def claim(self, num_trials: int) -> "Trial | None":
        """An orphan, else a new trial while there are fewer than `num_trials`, else None.

        Raises InputError if too many trials have failed, or if the space cannot be drawn from.
        """
        with self._locks.alone(self._name):
            trials = self.trials
            self._check_failures(trials)
            for trial in trials:
                if trial.state is TrialState.RUNNING and not self._has_owner(trial):
                    return self._own(self._take_over(trial))
            if len(trials) >= num_trials:
                return None
            return self._own(self._study_of(len(trials)).ask())

    def _check_failures(self, trials: Sequence[FrozenTrial]) -> None:
        ended = [
            trial.state
            for trial in trials
            if trial.state.is_finished() and trial.number not in self._ended_before
        ]
        num_failed = ended.count(TrialState.FAIL)
        if num_failed > self._max_failure_rate * max(len(ended), self._min_ended):
            raise InputError(
                f"{num_failed} of {len(ended)} trials failed, more than "
                f"hydra.sweeper.max_failure_rate={self._max_failure_rate:g} allows; the same command resumes"
            )

    def _study_of(self, number: int) -> "optuna.Study":
        """The study with the sampler of this trial.

        Each trial has its own sampler, so its random numbers depend on its number and not on how often the
        search was interrupted.
        """
        with warnings.catch_warnings():
            # The sampler is the user's choice.
            warnings.simplefilter("ignore", ExperimentalWarning)
            return optuna.load_study(
                study_name=self._name,
                storage=self._storage,
                sampler=self._sampler(number),
                pruner=self._pruner,
            )

    def _take_over(self, orphan: FrozenTrial) -> "Trial":
        """Resume a trial; values that its process had not drawn yet come out as they would have there."""
        study = self._study_of(orphan.number)
        # Optuna's cache updates only trials that it has read.
        study.get_trials(deepcopy=False)
        trial = optuna.Trial(study, self._id_of(orphan.number))
        for name, distribution in orphan.distributions.items():
            is_fixed = name in orphan.system_attrs.get("fixed_params", {})
            if not (is_fixed or distribution.single() or name in trial.relative_params):
                # The value is known; drawing it again advances the random numbers.
                study.sampler.sample_independent(study, orphan, name, distribution)
        return trial

    def _own(self, trial: "Trial") -> "Trial":
        trial.set_user_attr(OWNER, self._me)
        self._space.suggest(trial)
        return trial

    def _has_owner(self, trial: FrozenTrial) -> bool:
        owner = trial.user_attrs.get(OWNER)
        return owner == self._me or (owner is not None and self._locks.is_held(owner))

    def _id_of(self, number: int) -> int:
        search = self._storage.get_study_id_from_name(self._name)
        return self._storage.get_trial_id_from_study_id_trial_number(search, number)

    def is_over(self) -> bool:
        """Whether every trial has ended."""
        return all(trial.state.is_finished() for trial in self.trials)

    def lead(self) -> bool:
        """Whether this process, and no other one, reports the result."""
        return self._locks.take(f"{self._name} end")


def space_as_json(space: Space) -> dict[str, dict]:
    """Parameter -> its distribution as plain values."""
    return {name: json.loads(distribution_to_json(one)) for name, one in space.distributions.items()}


def _difference(there: object, here: Mapping[str, object]) -> str:
    if not isinstance(there, Mapping):
        return "it was started by another program"
    first, second = flat_config(there), flat_config(here)
    name = next(name for name in [*first, *second] if first.get(name, ...) != second.get(name, ...))
    values = [json.dumps(side[name]) if name in side else "missing" for side in (first, second)]
    return f"{name} is {values[0]} there and {values[1]} here"
