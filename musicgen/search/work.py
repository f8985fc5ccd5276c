"""One process of a search: it claims trials, launches their jobs and records how they ended."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from optuna.trial import FrozenTrial, TrialState

from musicgen.config import Config
from musicgen.errors import InputError
from musicgen.records.naming import override_text
from musicgen.records.record import RunRecord
from musicgen.search.claims import Search
from musicgen.search.halving import Halving
from musicgen.search.space import Space
from musicgen.search.trials import Trial, overrides_of
from musicgen.sweep.job_queue import JobFailed
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.sweep.other_launchers import absolute_paths, launch

if TYPE_CHECKING:
    import optuna

SECONDS_BETWEEN_CHECKS = 1.0
"""Of the trials of other processes, when no trial is left to claim."""
_STATES = {"complete": TrialState.COMPLETE, "failed": TrialState.FAIL}
"""All others are PRUNED for Optuna: samplers learn to avoid the region of a pruned or diverged trial."""
_DISK_ERRORS = tuple(f"builtins.{kind.__name__}" for kind in (OSError, PermissionError))
"""Raised when a disk is full or read-only."""


class Worker:
    """Runs trials of one search."""

    def __init__(
        self,
        search: Search,
        launcher: Launcher,
        space: Space,
        halving: Halving,
        directory: Path,
        baseline: Config,
    ) -> None:
        """directory: the folder of the search; baseline: the config that all trials share."""
        self._search, self._launcher, self._space = search, launcher, space
        # Other launchers may start jobs in any directory.
        self._directory = directory if isinstance(launcher, ProcessLauncher) else directory.absolute()
        self._halving, self._seed, self._paths = halving, baseline.seed, baseline.paths
        self._job_names: list[str] = []

    def run(self, num_trials: int, num_parallel: int) -> None:
        """Claim and run trials until there are `num_trials` and all have ended, in all processes.

        Trials of processes that died are resumed. num_parallel: trials that this process runs at a time.
        """
        active: list[optuna.Trial] = []
        while True:
            while len(active) < num_parallel and (trial := self._search.claim(num_trials)) is not None:
                # Its process may have died after reporting a loss, before the trial was judged.
                if not self._is_pruned(trial):
                    active.append(trial)
            if active:
                active = self._advance(active)
            elif self._search.is_over():
                return
            else:
                time.sleep(SECONDS_BETWEEN_CHECKS)

    def _advance(self, trials: Sequence["optuna.Trial"]) -> list["optuna.Trial"]:
        """Run each to its next rung or its end; returns those that continue."""
        stops = [self._next_rung(trial) for trial in trials]
        overrides = [self._overrides(trial, stop) for trial, stop in zip(trials, stops, strict=True)]
        returns = self._launch(overrides, [_job_name(*job) for job in zip(trials, stops, strict=True)])
        stopped, disk_problem = [], None
        for trial, stop, job_return in zip(trials, stops, returns, strict=True):
            if (problem := _problem_of_disk(job_return)) is not None:
                disk_problem = problem
                continue
            record = self._read_record(trial)
            if record is not None:
                _add_up(trial, record)
            loss = _loss(job_return)
            if loss is None:
                self._end_without_loss(trial, record, job_return)
            elif stop is None:
                self._end(trial, "complete", loss=loss)
            else:
                trial.report(loss, stop)
                stopped.append(trial)
        if disk_problem is not None:
            # Not a failure of these trials: they stay open and are resumed.
            raise InputError(f"{disk_problem}; fix that and run the same command again to resume")
        # Judge only now that all have reported, so that trials that ran together are compared.
        return [trial for trial in stopped if not self._is_pruned(trial)]

    def _launch(self, overrides: Sequence[Sequence[str]], names: Sequence[str]) -> Sequence[JobReturn]:
        first = len(self._job_names)
        self._job_names += names
        if isinstance(self._launcher, ProcessLauncher):
            self._launcher.announce(self._job_names)
            return self._launcher.launch(overrides, first)
        paths = absolute_paths(self._paths)
        return launch(self._launcher, [[*own, *paths] for own in overrides], first)

    def _next_rung(self, trial: "optuna.Trial") -> int | None:
        reached = max(self._frozen(trial).intermediate_values, default=0)
        return next((rung for rung in self._halving.rungs if rung > reached), None)

    def _overrides(self, trial: "optuna.Trial", stop: int | None) -> list[str]:
        return [
            *self._space.fixed,
            *overrides_of(trial.params),
            *([] if stop is None else [f"+training.stop_iteration={stop}"]),
            f"hydra.sweep.dir={override_text(str(self._directory))}",
            f"hydra.sweep.subdir={override_text(directory_of(trial.number, self._seed))}",
        ]

    def _is_pruned(self, trial: "optuna.Trial") -> bool:
        if not trial.should_prune():
            return False
        self._end(trial, "pruned")
        return True

    def _end_without_loss(
        self, trial: "optuna.Trial", record: RunRecord | None, job_return: JobReturn
    ) -> None:
        if record is not None and record.status in ("diverged", "failed", "interrupted"):
            status = "diverged" if record.status == "diverged" else "failed"
            return self._end(trial, status, error=record.error)
        error = str(job_return._return_value or "no reason given")
        if record is not None:
            # Its process died before it could record this.
            record.status, record.error = "failed", error
            record.write(self._run_directory(trial))
        return self._end(trial, "failed", error=error)

    def _end(
        self, trial: "optuna.Trial", status: str, loss: float | None = None, error: str | None = None
    ) -> None:
        trial.set_user_attr("status", status)
        if error is not None:
            trial.set_user_attr("error", " ".join(error.split()))
        state = _STATES.get(status, TrialState.PRUNED)
        self._search.study.tell(trial, loss, state, skip_if_finished=True)

    def _read_record(self, trial: "optuna.Trial") -> RunRecord | None:
        try:
            return RunRecord.read(self._run_directory(trial))
        except InputError:
            return None

    def _run_directory(self, trial: "optuna.Trial") -> Path:
        return self._directory / directory_of(trial.number, self._seed)

    def _frozen(self, trial: "optuna.Trial") -> FrozenTrial:
        return next(one for one in self._search.trials if one.number == trial.number)


def directory_of(number: int, seed: int) -> str:
    """The folder of a trial's run, relative to that of the search."""
    return f"{number:03d}/seed={seed}"


def finished_trials(search: Search, seed: int) -> list[Trial]:
    """All trials of the search."""
    return [_as_trial(trial, seed) for trial in search.trials]


def _as_trial(trial: FrozenTrial, seed: int) -> Trial:
    attributes = trial.user_attrs
    status = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.RUNNING: "running"}
    return Trial(
        number=trial.number,
        status=attributes.get("status", status.get(trial.state, "failed")),
        loss=trial.value if trial.state is TrialState.COMPLETE else None,
        levels=trial.params,
        rungs=trial.intermediate_values,
        trained_iterations=attributes.get("trained_iterations", 0),
        seconds=attributes.get("seconds", 0.0),
        directory=directory_of(trial.number, seed),
        error=attributes.get("error"),
    )


def _job_name(trial: "optuna.Trial", stop: int | None) -> str:
    return f"trial {trial.number}" + (f" to iteration {stop}" if stop else "")


def _loss(job_return: JobReturn) -> float | None:
    """The loss that the job returned; None if it failed."""
    if job_return.status is not JobStatus.COMPLETED:
        return None
    value = job_return.return_value
    return float(value) if isinstance(value, int | float) else None


def _problem_of_disk(job_return: JobReturn) -> str | None:
    """Why the job could not write its files; None if that did not happen."""
    failure = job_return._return_value
    is_disk_error = isinstance(failure, JobFailed) and failure.error_class in _DISK_ERRORS
    return str(failure) if is_disk_error else None


def _add_up(trial: "optuna.Trial", record: RunRecord) -> None:
    for name, part in (("trained_iterations", "trained_iterations"), ("seconds", "total_seconds")):
        value = trial.user_attrs.get(name, 0) + record.timing.get(part, 0)
        trial.set_user_attr(name, int(value) if name == "trained_iterations" else value)
