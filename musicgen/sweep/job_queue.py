"""The jobs of one launch: which start when, what they report, and how each ended."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait

from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from musicgen.config import Config
from musicgen.errors import InputError
from musicgen.sweep.display import SweepDisplay
from musicgen.sweep.exhaustion import is_exhaustion
from musicgen.sweep.job_process import JobProcess
from musicgen.sweep.worker import SECONDS_BETWEEN_REPORTS, Ending, describe_error
from musicgen.system.cores import num_cores
from musicgen.system.interruption import Interruption
from musicgen.training.device import choose_device, resolve_threads

MAX_RUNS_PER_CARD = 4
"""Runs that share a GPU, most of which a small network leaves idle. If memory runs out, fewer run at a time
(exhaustion.py)."""
MAX_JOBS_PER_PLACE = 3
"""Jobs that wait for another process take no place, but they do take memory."""
SECONDS_OF_PAUSES = (5.0, 30.0, 120.0)
"""Before each new attempt, while the machine has no room for a single job. More of them would keep a job that
needs more than the machine has from failing: each attempt may train for minutes before it does."""


class JobFailed(Exception):
    """A job that returned no value; the message is one line."""

    def __init__(self, line: str, error_class: str | None = None) -> None:
        super().__init__(line, error_class)
        self.error_class = error_class
        """Dotted name of what the job raised; None if its process died."""

    def __str__(self) -> str:
        """The line alone."""
        return self.args[0]


@dataclass(frozen=True)
class QueuedJob:
    """A job that has not started."""

    overrides: list[str]
    make_configs: Callable[[], tuple[DictConfig, Config]]
    """Its config with Hydra's part, and the same without it, typed. Called when the job's turn comes."""
    follows: int | None = None
    """The number of the job whose training this one resumes. It starts when that one has trained or ended."""
    ended: Callable[[JobReturn], None] | None = None
    """Called with the result, unless an interruption ended the job."""


NextJob = Callable[[], tuple[str, QueuedJob] | None]
"""Called when there is room for another job: its name and the job, or None if there is none now."""


class Capacity:
    """How many jobs fit on the machine at a time.

    Limited by num_jobs if it is set. Otherwise by cores: a job takes one for each of its threads. On a GPU it
    takes so many that MAX_RUNS_PER_CARD jobs run at a time, or one for each core if there are fewer.
    """

    def __init__(self, num_jobs: int | None) -> None:
        self._num_jobs = num_jobs
        self.total = num_cores() if num_jobs is None else num_jobs

    def cost(self, config: Config) -> int:
        """How much of the total a job with this config takes."""
        if self._num_jobs is not None:
            return 1
        if _runs_on_gpu(config.device):
            return -(-self.total // MAX_RUNS_PER_CARD)
        num_threads = resolve_threads(config.training, config.model).num_threads
        assert num_threads is not None
        return min(num_threads, self.total)


def _runs_on_gpu(device: str) -> bool:
    if device != "auto":
        return device != "cpu"
    return choose_device("auto").type != "cpu"


@dataclass(frozen=True)
class _NextJob:
    number: int
    composed: DictConfig
    config: Config
    cost: int


@dataclass
class _RunningJob:
    process: JobProcess
    cost: int
    is_waiting: bool = False
    """Whether it waits for another process, and leaves its cores to other jobs."""
    had_company: bool = False
    """Whether another job has run at the same time."""


class JobQueue:
    """Runs the jobs of one launch."""

    def __init__(
        self,
        jobs: Mapping[int, QueuedJob],
        start: Callable[[int, DictConfig, Config], JobProcess],
        capacity: Capacity,
        display: SweepDisplay,
        interruption: Interruption,
        next_job: NextJob | None = None,
    ) -> None:
        """jobs: by number; next_job: gives more of them while these run."""
        self._jobs, self._start, self._capacity = dict(jobs), start, capacity
        self._display, self._interruption, self._next_job = display, interruption, next_job
        self._untrained = set(jobs)
        """Jobs from which no other job can resume yet."""
        self._waiting = list(jobs)
        self._next: _NextJob | None = None
        self._running: dict[int, _RunningJob] = {}
        self._max_running = MAX_JOBS_PER_PLACE * capacity.total
        self._pauses = iter(SECONDS_OF_PAUSES)
        self._paused_until = 0.0
        # Without their configs, which would fill the memory over thousands of jobs.
        self._returns = {number: JobReturn(overrides=job.overrides) for number, job in jobs.items()}

    def run(self) -> list[JobReturn]:
        """Run them all; a job that an interruption kept from starting keeps the status UNKNOWN."""
        try:
            while True:
                self._start_what_fits()
                self._display.refresh()
                if self._running:
                    connections = [running.process.connection for running in self._running.values()]
                    wait(connections, SECONDS_BETWEEN_REPORTS)
                    self._receive_reports()
                elif self._waiting and not self._interruption.requested:
                    # In a pause.
                    time.sleep(SECONDS_BETWEEN_REPORTS)
                else:
                    return list(self._returns.values())
        finally:
            for running in self._running.values():
                running.process.kill()
                running.process.close()

    def _start_what_fits(self) -> None:
        while not self._interruption.requested and time.monotonic() >= self._paused_until:
            number = self._first_that_can_start()
            if number is None:
                number = self._take_another()
            if number is None:
                return
            try:
                # Composing may take a tenth of a second, so it is done while others run.
                if self._next is None or self._next.number != number:
                    composed, config = self._jobs[number].make_configs()
                    self._next = _NextJob(number, composed, config, self._capacity.cost(config))
                if not self._has_room_for(self._next.cost):
                    return
                self._display.start(number)
                process = self._start(number, self._next.composed, self._next.config)
                self._running[number] = _RunningJob(process, self._next.cost)
            except (OSError, EOFError) as error:
                # The fork server ends when it cannot fork, which closes its connection.
                is_lack = isinstance(error, EOFError | ConnectionError) or is_exhaustion(error)
                if is_lack and self._running:
                    self._run_fewer(number)
                    return
                if is_lack and self._pause(number):
                    return
                self._end(number, describe_error(error))
            except (InputError, HydraException, OmegaConfBaseException) as error:
                self._end(number, describe_error(error))
            self._waiting.remove(number)
            if len(self._running) > 1:
                for running in self._running.values():
                    running.had_company = True

    def _first_that_can_start(self) -> int | None:
        can_start = (number for number in self._waiting if self._jobs[number].follows not in self._untrained)
        return next(can_start, None)

    def _take_another(self) -> int | None:
        """Ask for another job, but not before a small one would fit: later jobs are chosen knowing more."""
        if self._next_job is None or self._waiting or not self._has_room_for(1):
            return None
        found = self._next_job()
        if found is None:
            return None
        name, job = found
        number = self._display.add(name)
        self._jobs[number] = job
        self._returns[number] = JobReturn(overrides=job.overrides)
        self._waiting.append(number)
        return number

    def _has_room_for(self, cost: int) -> bool:
        taken = sum(running.cost for running in self._running.values() if not running.is_waiting)
        fits = not taken or taken + cost <= self._capacity.total
        return fits and len(self._running) < self._max_running

    def _run_fewer(self, lost: int) -> None:
        """The machine has no process, thread or memory left: start no job before another one has ended."""
        self._max_running = max(1, min(self._max_running, len(self._running)))
        self._put_back(lost)

    def _pause(self, lost: int) -> bool:
        """The machine has no room for a single job: start none for a while, or return False.

        Other programs take the room, or the job needs more than the machine has. Neither is a reason to run
        fewer of the other jobs at a time.
        """
        self._max_running = MAX_JOBS_PER_PLACE * self._capacity.total
        seconds = next(self._pauses, None)
        if seconds is None:
            return False
        self._paused_until = time.monotonic() + seconds
        self._put_back(lost)
        return True

    def _put_back(self, lost: int) -> None:
        self._display.put_back(lost)
        self._display.warn_of_exhaustion()

    def _receive_reports(self) -> None:
        for number, running in list(self._running.items()):
            process = running.process
            report = process.receive()
            if report is not None:
                self._display.update(number, report)
                running.is_waiting = report.is_waiting
                if report.is_trained:
                    self._untrained.discard(number)
            if process.is_over:
                del self._running[number]
                self._end_or_repeat(number, running)
                process.close()
            elif self._interruption.requested:
                process.interrupt()
                self._display.show_saving()

    def _end_or_repeat(self, number: int, job: _RunningJob) -> None:
        ending = job.process.ending()
        if not ending.is_exhaustion:
            self._pauses = iter(SECONDS_OF_PAUSES)
        elif not self._interruption.requested:
            if job.had_company:
                if not self._running:
                    self._pause(number)
                self._run_fewer(number)
                self._waiting.insert(0, number)
                return
            if self._pause(number):
                # The others first: they may need less.
                self._waiting.append(number)
                return
        self._end(number, ending)

    def _end(self, number: int, ending: Ending) -> None:
        self._untrained.discard(number)
        job_return = self._returns[number]
        if ending.error is None:
            job_return.status, job_return.return_value = JobStatus.COMPLETED, ending.value
        else:
            job_return.status = JobStatus.FAILED
            job_return.return_value = JobFailed(ending.error, ending.error_class)
        self._display.end(number, ending.value, ending.error)
        ended = self._jobs[number].ended
        if ended is not None and not (ending.error is not None and self._interruption.requested):
            ended(job_return)
