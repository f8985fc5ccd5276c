"""Hydra's launcher `local`: every job of a sweep in a process of its own, several at a time.

A job that raises, exits or is killed is a failed JobReturn, and the others run on. Processes are forked from
a server that has imported the heavy packages once, so that a job starts within a fraction of a second; the
launcher itself imports none of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import ClassVar

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobRuntime, JobStatus
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from musicgen.errors import InputError
from musicgen.sweep.design import composer
from musicgen.sweep.display import SweepDisplay, SweepState, name_jobs
from musicgen.sweep.exhaustion import is_exhaustion
from musicgen.sweep.fork_server import start_fork_server
from musicgen.sweep.job_process import JobProcess
from musicgen.sweep.worker import SECONDS_BETWEEN_NEWS, Ending, Job, describe, reference
from musicgen.system.interruption import Interruption, listen_for_interruption
from musicgen.training.threads import num_cores


class JobFailed(Exception):
    """A job that gave no value; the message is one line."""

    def __init__(self, line: str, error_class: str | None = None) -> None:
        super().__init__(line, error_class)
        self.error_class = error_class
        """Dotted name of what the job raised; None if its process died."""

    def __str__(self) -> str:
        """The line alone."""
        return self.args[0]


def _one_thread(_config: DictConfig) -> int:
    return 1


def _no_cuda() -> bool:
    return False


MOST_AT_ONCE = 3
"""Jobs under way for each place, those included that wait and take none: they take memory."""


@dataclass(frozen=True)
class Program:
    """What the launcher has to know of the program whose jobs it starts."""

    threads_of: Callable[[DictConfig], int] = _one_thread
    """How many threads a job with this config computes on."""
    finds_cuda: Callable[[], bool] = _no_cuda
    """Whether there is a CUDA device."""


class ProcessLauncher(Launcher):
    """A process for each job; a value for each that ended well, a JobFailed for each that did not."""

    program: ClassVar[Program] = Program()

    def __init__(self, num_jobs: int | None = None) -> None:
        """num_jobs: at most so many at a time; None: see `Capacity`."""
        self._num_jobs = num_jobs
        self._state: SweepState | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives every launcher; raises InputError where num_jobs is no number of jobs."""
        number = self._num_jobs
        if number is not None and (not isinstance(number, int) or number < 1):
            raise InputError(f"hydra.launcher.num_jobs={number!r}: allowed are null and whole numbers from 1")
        self.context = hydra_context
        self._compose = composer(hydra_context.config_loader, config)
        self.config = config
        self.module, self.function = reference(task_function)

    def announce(self, names: Sequence[str]) -> None:
        """Name all jobs of a sweep that takes several launches, by their numbers, to show it as one.

        Without it every launch is a sweep for itself, and its jobs are named by their overrides.
        """
        self._state = self._state or SweepState({})
        self._state.names = dict(enumerate(names))

    def launch(
        self,
        job_overrides: Sequence[Sequence[str]],
        initial_job_idx: int,
        follows: Mapping[int, int] | None = None,
    ) -> Sequence[JobReturn]:
        """Run the jobs to their ends, in this order as far as they wait for each other.

        follows: number of a job -> that of the one whose training it goes on from. It starts when that one
        has trained, or has ended without.

        After SIGINT, SIGTERM or SIGHUP every job under way is asked to save and end, no other one starts, and
        KeyboardInterrupt is raised once all are gone; a second signal kills them.
        """
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        start_fork_server()
        jobs = dict(enumerate(job_overrides, initial_job_idx))
        state = self._state or SweepState(dict(zip(jobs, name_jobs(job_overrides), strict=True)))
        with listen_for_interruption() as interruption, SweepDisplay(state) as display:
            returns = _Sweep(self, jobs, follows or {}, display, interruption).run()
        if interruption.requested:
            raise KeyboardInterrupt(
                f"interrupted when {len(state.durations)} of {len(state.names)} runs were done"
            )
        return returns

    def compose(self, overrides: Sequence[str], number: int) -> DictConfig:
        """The config of a job, Hydra's own part included."""
        config = self._compose(overrides)
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
            # Its text may depend on the overrides, of which a job has others than the sweep.
            config.hydra.sweep.dir = str(self.config.hydra.sweep.dir)
        return config

    def start(self, config: DictConfig) -> JobProcess:
        """Start the job with this config; raises OSError or EOFError where that cannot be."""
        name = JobRuntime.instance().get("name")
        return JobProcess(Job(config, self.context, self.module, self.function, name))

    def capacity(self) -> "Capacity":
        """How much runs at a time."""
        return Capacity(self._num_jobs, self.program)


class Capacity:
    """How many jobs fit on the machine at a time.

    By number if there is one, else by cores: a job takes as many as it has threads, on CUDA all of them.
    """

    def __init__(self, num_jobs: int | None, program: Program) -> None:
        self._num_jobs = num_jobs
        self._program = program
        self._has_cuda: bool | None = None
        self.total = num_cores() if num_jobs is None else num_jobs

    def cost(self, config: DictConfig) -> int:
        """What a job with this config takes of the total."""
        if self._num_jobs is not None:
            return 1
        if self._runs_on_cuda(config):
            return self.total
        return min(self._program.threads_of(config), self.total)

    def _runs_on_cuda(self, config: DictConfig) -> bool:
        device = OmegaConf.select(config, "device", default="cpu")
        if device != "auto":
            return device == "cuda"
        if self._has_cuda is None:
            self._has_cuda = self._program.finds_cuda()
        return self._has_cuda


@dataclass(frozen=True)
class _Next:
    """The job that starts next, once there is room."""

    number: int
    config: DictConfig
    cost: int


@dataclass
class _Running:
    """A job under way."""

    process: JobProcess
    cost: int
    is_idle: bool = False
    """Whether it waits for another process, and leaves its cores to others."""
    has_company: bool = False
    """Whether another job ran at the same time."""


class _Sweep:
    """The jobs of one launch by number: those that wait, those under way, and what became of the others."""

    def __init__(
        self,
        launcher: ProcessLauncher,
        jobs: Mapping[int, Sequence[str]],
        follows: Mapping[int, int],
        display: SweepDisplay,
        interruption: Interruption,
    ) -> None:
        self._launcher = launcher
        self._jobs = jobs
        self._follows = follows
        self._display = display
        self._interruption = interruption
        self._capacity = launcher.capacity()
        self._untrained = set(jobs)
        """Jobs from whose training no other one can go on yet."""
        self._waiting = list(jobs)
        self._next: _Next | None = None
        self._running: dict[int, _Running] = {}
        self._most_at_once = MOST_AT_ONCE * self._capacity.total
        # Without the configs, which would add up over thousands of jobs: a sweeper asks for value and status.
        self._returns = {number: JobReturn(overrides=list(texts)) for number, texts in jobs.items()}

    def run(self) -> list[JobReturn]:
        """Run them; what an interruption kept from starting keeps the status UNKNOWN."""
        try:
            while True:
                self._start_what_fits()
                self._display.refresh()
                if not self._running:
                    return list(self._returns.values())
                connections = [running.process.connection for running in self._running.values()]
                wait(connections, SECONDS_BETWEEN_NEWS)
                self._hear()
        finally:
            for running in self._running.values():
                running.process.kill()
                running.process.close()

    def _start_what_fits(self) -> None:
        while not self._interruption.requested:
            number = self._first_that_can_start()
            if number is None:
                return
            try:
                # Composing may take a tenth of a second: it is done while others run.
                if self._next is None or self._next.number != number:
                    self._next = self._compose(number)
                taken = sum(running.cost for running in self._running.values() if not running.is_idle)
                is_crowded = len(self._running) >= self._most_at_once
                if (taken and taken + self._next.cost > self._capacity.total) or is_crowded:
                    return
                self._display.start(number)
                self._running[number] = _Running(self._launcher.start(self._next.config), self._next.cost)
            except (OSError, EOFError) as error:
                if self._running and (isinstance(error, EOFError) or is_exhaustion(error)):
                    self._display.put_back(number)
                    self._run_fewer(len(self._running))
                    return
                self._end(number, describe(error))
            except (InputError, HydraException, OmegaConfBaseException) as error:
                # Only this one cannot run.
                self._end(number, describe(error))
            self._waiting.remove(number)
            if len(self._running) > 1:
                for running in self._running.values():
                    running.has_company = True

    def _run_fewer(self, most_at_once: int) -> None:
        """The machine has no process, thread or memory left: start no job before others have ended."""
        self._most_at_once = max(1, min(self._most_at_once, most_at_once))
        self._display.tell_exhaustion()

    def _first_that_can_start(self) -> int | None:
        can_start = (number for number in self._waiting if self._follows.get(number) not in self._untrained)
        return next(can_start, None)

    def _compose(self, number: int) -> _Next:
        config = self._launcher.compose(self._jobs[number], number)
        return _Next(number, config, self._capacity.cost(config))

    def _hear(self) -> None:
        for number, running in list(self._running.items()):
            process = running.process
            standing = process.hear()
            if standing is not None:
                self._display.tell(number, standing)
                running.is_idle = standing.is_waiting
                if standing.is_trained:
                    self._untrained.discard(number)
            if process.is_over:
                del self._running[number]
                ending = process.ending()
                if ending.is_exhaustion and running.has_company and not self._interruption.requested:
                    self._display.put_back(number)
                    self._waiting.insert(0, number)
                    self._run_fewer(len(self._running))
                else:
                    if ending.is_exhaustion:
                        # By itself it needs more than there is: no reason to run others one by one.
                        self._most_at_once = MOST_AT_ONCE * self._capacity.total
                    self._end(number, ending)
                process.close()
            elif self._interruption.requested:
                process.ask_to_end()
                self._display.wait_for_saving()

    def _end(self, number: int, ending: Ending) -> None:
        self._untrained.discard(number)
        job_return = self._returns[number]
        if ending.error is None:
            job_return.status, job_return.return_value = JobStatus.COMPLETED, ending.value
        else:
            job_return.status = JobStatus.FAILED
            job_return.return_value = JobFailed(ending.error, ending.error_class)
        self._display.end(number, ending.value, ending.error)


def register(program: Program) -> None:
    """Make the launcher of conf/hydra/launcher/local.yaml known to Hydra; call it before Hydra's main.

    Not at the top of the main module, which every job imports: looking for plugins takes half a second.
    """
    ProcessLauncher.program = program
    Plugins.instance().register(ProcessLauncher)
