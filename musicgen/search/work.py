"""One process of a search: it claims trials, launches their jobs and records how they ended."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import optuna
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from optuna.distributions import distribution_to_json
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState

from musicgen.config import Config
from musicgen.errors import InputError, describe_disk
from musicgen.records.destination import complete_run
from musicgen.records.naming import override_text
from musicgen.records.record import RunRecord
from musicgen.search.artifacts import FOLDER, keep_song
from musicgen.search.claims import Search
from musicgen.search.halving import Halving
from musicgen.search.objective import LOSS, Objective
from musicgen.search.space import Space
from musicgen.search.trials import Trial, Trials, overrides_of
from musicgen.sweep.job_queue import JobFailed, QueuedJob
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.sweep.other_launchers import absolute_paths, launch

SECONDS_BETWEEN_CHECKS = 1.0
"""Of the trials of other processes, when no trial is left to claim."""
_STATES = {"complete": TrialState.COMPLETE, "failed": TrialState.FAIL}
"""All others are PRUNED for Optuna: samplers learn to avoid the region of a pruned or diverged trial."""
_DISK_ERRORS = tuple(f"builtins.{kind.__name__}" for kind in (OSError, PermissionError))
"""Raised when a disk is full or read-only."""

_RESUME = "fix that and run the same command again to resume"


@dataclass(frozen=True)
class _TrialJob:
    """What a trial runs next."""

    trial: optuna.Trial
    stop: int | None
    """The iteration of its next rung; None: it runs to its end."""

    @property
    def name(self) -> str:
        return f"trial {self.trial.number}" + (f" to iteration {self.stop}" if self.stop else "")


class Worker:
    """Runs trials of one search."""

    def __init__(
        self,
        search: Search,
        launcher: Launcher,
        space: Space,
        halving: Halving,
        objectives: Sequence[Objective],
        directory: Path,
        baseline: Config,
        compose: Callable[[Sequence[str]], Config],
    ) -> None:
        """directory: the folder of the search; baseline: the config that all trials share.

        compose: the config that overrides give.
        """
        self._search, self._launcher, self._space, self._compose = search, launcher, space, compose
        # Other launchers may start jobs in any directory.
        self._directory = directory if isinstance(launcher, ProcessLauncher) else directory.absolute()
        self._halving, self._seed, self._paths = halving, baseline.seed, baseline.paths
        self._metrics = [objective.metric for objective in objectives]
        self._num_trials = self._num_parallel = self._num_running = self._num_launched = 0
        self._stopped: list[optuna.Trial] = []
        """Trials that have reported on a rung and were not judged yet."""
        self._asked_in_vain = -SECONDS_BETWEEN_CHECKS
        self._problem: Exception | None = None

    def run(self, num_trials: int, num_parallel: int) -> None:
        """Claim and run trials until there are `num_trials` and all have ended, in all processes.

        Trials of processes that died are resumed. num_parallel: trials that this process runs at a time.
        """
        self._num_trials, self._num_parallel = num_trials, num_parallel
        while True:
            if isinstance(self._launcher, ProcessLauncher):
                self._launcher.run_on_demand(partial(self._offer, self._launcher))
            else:
                self._run_in_batches()
            if self._problem is not None:
                raise self._problem
            if self._search.is_over():
                return
            time.sleep(SECONDS_BETWEEN_CHECKS)

    def _offer(self, launcher: ProcessLauncher) -> tuple[str, QueuedJob] | None:
        """Our launcher starts a job as soon as another one has ended."""
        job = self._next_job()
        if job is None:
            return None
        return job.name, launcher.job(self._overrides(job), partial(self._take, job))

    def _run_in_batches(self) -> None:
        """Other launchers return when all of their jobs have ended."""
        while jobs := list(iter(self._next_job, None)):
            paths = absolute_paths(self._paths)
            overrides = [[*self._overrides(job), *paths] for job in jobs]
            returns = launch(self._launcher, overrides, self._num_launched)
            self._num_launched += len(jobs)
            for job, job_return in zip(jobs, returns, strict=True):
                self._take(job, job_return)

    def _next_job(self) -> _TrialJob | None:
        """The job of a trial that continues, of an orphan or of a new trial; None if there is none now."""
        with self._postponing_problems():
            while self._problem is None and self._num_running < self._num_parallel:
                trial = self._stopped.pop(0) if self._stopped else self._claim()
                if trial is None:
                    break
                # The process of an orphan may have died after reporting a loss, before the trial was judged.
                if self._is_pruned(trial):
                    continue
                job = _TrialJob(trial, self._next_rung(trial))
                # Or after the run was complete, before its values were recorded.
                if not self._is_complete(job):
                    self._num_running += 1
                    return job
        return None

    def _is_complete(self, job: _TrialJob) -> bool:
        if job.stop is not None:
            return False
        record = complete_run(self._run_directory(job.trial), lambda: self._compose(self._overrides(job)))
        if record is not None:
            _add_up(job.trial, record)
            self._end_with_values(job.trial, record)
        return record is not None

    def _claim(self) -> optuna.Trial | None:
        if time.monotonic() - self._asked_in_vain < SECONDS_BETWEEN_CHECKS:
            return None
        trial = self._search.claim(self._num_trials)
        if trial is None:
            self._asked_in_vain = time.monotonic()
        return trial

    @contextmanager
    def _postponing_problems(self) -> Iterator[None]:
        """Start no more jobs after a problem of the disk or the storage, and raise it when all have ended."""
        try:
            yield
        except (InputError, StorageInternalError) as problem:
            self._problem = self._problem or problem

    def _take(self, job: _TrialJob, job_return: JobReturn) -> None:
        """Record how a job ended."""
        self._num_running -= 1
        with self._postponing_problems():
            if (problem := _problem_of_disk(job_return)) is not None:
                # Not a failure of the trial: it stays open and is resumed.
                raise InputError(f"{problem}; {_RESUME}")
            trial = job.trial
            record = self._read_record(trial)
            if record is not None:
                _add_up(trial, record)
            if record is None or job_return.status is not JobStatus.COMPLETED:
                self._end_without_values(trial, record, job_return)
            elif job.stop is not None:
                loss = record.metrics[LOSS]
                assert loss is not None
                trial.report(loss, job.stop)
                self._stopped.append(trial)
            else:
                self._end_with_values(trial, record)

    def _next_rung(self, trial: optuna.Trial) -> int | None:
        reached = max(self._frozen(trial).intermediate_values, default=0)
        return next((rung for rung in self._halving.rungs if rung > reached), None)

    def _overrides(self, job: _TrialJob) -> list[str]:
        return [
            *self._space.fixed,
            *overrides_of(job.trial.params),
            *([] if job.stop is None else [f"+training.stop_iteration={job.stop}"]),
            f"hydra.sweep.dir={override_text(str(self._directory))}",
            f"hydra.sweep.subdir={override_text(directory_of(job.trial.number, self._seed))}",
        ]

    def _is_pruned(self, trial: optuna.Trial) -> bool:
        # Optuna refuses to judge a trial of several objectives.
        if not self._halving.rungs or not trial.should_prune():
            return False
        self._end(trial, "pruned")
        return True

    def _end_with_values(self, trial: optuna.Trial, record: RunRecord) -> None:
        values = {metric: record.metrics.get(metric) for metric in self._metrics}
        missing = [metric for metric, value in values.items() if value is None]
        if missing:
            reasons = [record.reasons.get(metric, "this run does not measure it") for metric in missing]
            told = (
                f"{metric} has no value: {reason}" for metric, reason in zip(missing, reasons, strict=True)
            )
            return self._end(trial, "failed", error="; ".join(told))
        try:
            keep_song(trial, self._run_directory(trial), self._directory / FOLDER)
        except OSError as error:
            raise InputError(f"{describe_disk(error) or error}; {_RESUME}") from error
        return self._end(trial, "complete", [value for value in values.values() if value is not None])

    def _end_without_values(
        self, trial: optuna.Trial, record: RunRecord | None, job_return: JobReturn
    ) -> None:
        if record is not None and record.status in ("diverged", "failed", "interrupted"):
            status = "diverged" if record.status == "diverged" else "failed"
            return self._end(trial, status, error=record.error)
        is_done = job_return.status is JobStatus.COMPLETED
        error = (
            "its run.json cannot be read" if is_done else str(job_return._return_value or "no reason given")
        )
        if record is not None and record.status != "complete":
            # Its process died before it could record this. A complete run is that of another search.
            record.status, record.error = "failed", error
            record.write(self._run_directory(trial))
        return self._end(trial, "failed", error=error)

    def _end(
        self,
        trial: optuna.Trial,
        status: str,
        values: Sequence[float] | None = None,
        error: str | None = None,
    ) -> None:
        trial.set_user_attr("status", status)
        if error is not None:
            trial.set_user_attr("error", " ".join(error.split()))
        state = _STATES.get(status, TrialState.PRUNED)
        self._search.study.tell(trial, values, state, skip_if_finished=True)

    def _read_record(self, trial: optuna.Trial) -> RunRecord | None:
        try:
            return RunRecord.read(self._run_directory(trial))
        except InputError:
            return None

    def _run_directory(self, trial: optuna.Trial) -> Path:
        return self._directory / directory_of(trial.number, self._seed)

    def _frozen(self, trial: optuna.Trial) -> FrozenTrial:
        return next(one for one in self._search.trials if one.number == trial.number)


def directory_of(number: int, seed: int) -> str:
    """The folder of a trial's run, relative to that of the search."""
    return f"{number:03d}/seed={seed}"


def trials_of(search: Search, name: str, objectives: Sequence[Objective], space: Space, seed: int) -> Trials:
    """What the storage knows about the search."""
    distributions = dict(space.distributions)
    for trial in search.trials:
        # A condition may give some trials more parameters.
        distributions |= trial.distributions
    as_json = {name: json.loads(distribution_to_json(one)) for name, one in distributions.items()}
    return Trials(name, objectives, as_json, [_as_trial(trial, seed) for trial in search.trials])


def _as_trial(trial: FrozenTrial, seed: int) -> Trial:
    attributes = trial.user_attrs
    status = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.RUNNING: "running"}
    return Trial(
        number=trial.number,
        status=attributes.get("status", status.get(trial.state, "failed")),
        values=tuple(trial.values) if trial.state is TrialState.COMPLETE else None,
        levels=trial.params,
        rungs=trial.intermediate_values,
        trained_iterations=attributes.get("trained_iterations", 0),
        seconds=attributes.get("seconds", 0.0),
        directory=directory_of(trial.number, seed),
        error=attributes.get("error"),
    )


def _problem_of_disk(job_return: JobReturn) -> str | None:
    """Why the job could not write its files; None if that did not happen."""
    failure = job_return._return_value
    is_disk_error = isinstance(failure, JobFailed) and failure.error_class in _DISK_ERRORS
    return str(failure) if is_disk_error else None


def _add_up(trial: optuna.Trial, record: RunRecord) -> None:
    for name, part in (("trained_iterations", "trained_iterations"), ("seconds", "total_seconds")):
        value = trial.user_attrs.get(name, 0) + record.timing.get(part, 0)
        trial.set_user_attr(name, int(value) if name == "trained_iterations" else value)
