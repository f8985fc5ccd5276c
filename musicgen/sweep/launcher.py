"""Hydra's launcher `local`: each job of a sweep runs in its own process, several at a time.

A job that raises, exits or is killed is a failed JobReturn, and the others keep running. Processes are forked
from a server that has imported the heavy packages (see fork_server.py), so a job starts quickly.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from hydra.core.utils import JobReturn, JobRuntime
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from musicgen.config import Config, parse_config
from musicgen.errors import InputError
from musicgen.sweep.design import composer, without_hydra
from musicgen.sweep.display import SweepDisplay, SweepState, name_jobs
from musicgen.sweep.folders import show_live
from musicgen.sweep.fork_server import start_fork_server
from musicgen.sweep.job_process import JobProcess
from musicgen.sweep.job_queue import Capacity, JobQueue, NextJob, QueuedJob
from musicgen.sweep.worker import Job, Task
from musicgen.system.interruption import listen_for_interruption


class ProcessLauncher(Launcher):
    """A process for each job; a value for each that succeeded, a JobFailed for each that did not."""

    def __init__(self, num_jobs: int | None = None) -> None:
        """num_jobs: how many may run at a time; None: see `Capacity`."""
        self._num_jobs = num_jobs
        self._state: SweepState | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: Task, config: DictConfig) -> None:
        """Keep what Hydra gives every launcher; raises InputError if num_jobs is not a number of jobs."""
        number = self._num_jobs
        if number is not None and (not isinstance(number, int) or number < 1):
            raise InputError(f"hydra.launcher.num_jobs={number!r}: allowed are null and whole numbers from 1")
        self._context, self._task, self._config = hydra_context, task_function, config
        self._compose = composer(hydra_context.config_loader, config)

    def announce(self, names: Sequence[str]) -> None:
        """Name all jobs of a sweep that takes several launches, by number, so that they are shown as one.

        Otherwise each launch is shown as a separate sweep, with its jobs named by their overrides.
        """
        self._state = self._state or SweepState({})
        self._state.names = dict(enumerate(names))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs that are given as overrides, as Hydra's sweepers and searches do; see `run`."""
        return self.run(
            {number: self.job(overrides) for number, overrides in enumerate(job_overrides, initial_job_idx)}
        )

    def job(self, overrides: Sequence[str], ended: Callable[[JobReturn], None] | None = None) -> QueuedJob:
        """A job given as overrides."""
        return QueuedJob(list(overrides), partial(self._configs_of, overrides), ended=ended)

    def run_on_demand(self, next_job: NextJob) -> None:
        """Run jobs that are asked for one at a time, whenever there is room for one, until there is none.

        Interrupted as in `run`.
        """
        self._state = self._state or SweepState({}, is_open=True)
        self._run({}, self._state, next_job)

    def run(self, jobs: Mapping[int, QueuedJob]) -> list[JobReturn]:
        """Run jobs, given by number, to their ends; starts them in this order if none waits for another.

        After SIGINT, SIGTERM or SIGHUP every running job is asked to save and end, no other job starts, and
        KeyboardInterrupt is raised once all have ended; a second signal kills them.
        """
        names = name_jobs([job.overrides for job in jobs.values()])
        return self._run(jobs, self._state or SweepState(dict(zip(jobs, names, strict=True))), None)

    def _run(
        self, jobs: Mapping[int, QueuedJob], state: SweepState, next_job: NextJob | None
    ) -> list[JobReturn]:
        Path(self._config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        start_fork_server()
        show_live(self._config)
        with listen_for_interruption() as interruption, SweepDisplay(state) as display:
            queue = JobQueue(jobs, self._start, Capacity(self._num_jobs), display, interruption, next_job)
            returns = queue.run()
        if interruption.requested:
            done = (
                f"{len(state.durations)}"
                if state.is_open
                else f"{len(state.durations)} of {len(state.names)}"
            )
            raise KeyboardInterrupt(f"interrupted when {done} runs were done")
        return returns

    def _configs_of(self, overrides: Sequence[str]) -> tuple[DictConfig, Config]:
        composed = self._compose(overrides)
        with open_dict(composed):
            # Its pattern may refer to the overrides, which differ between the sweep and its jobs.
            composed.hydra.sweep.dir = str(self._config.hydra.sweep.dir)
        return composed, parse_config(without_hydra(composed))

    def _start(self, number: int, composed: DictConfig, config: Config) -> JobProcess:
        """Start a job; raises OSError or EOFError if the system does not allow it."""
        with open_dict(composed):
            composed.hydra.job.id, composed.hydra.job.num = str(number), number
        program = JobRuntime.instance().get("name")
        return JobProcess(Job(self._task, composed, config, self._context, program))
