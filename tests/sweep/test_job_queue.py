"""Which job of a launch starts when, with jobs that are not processes."""

import errno
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import Pipe
from typing import Any, cast

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf
from rich.console import Console

from musicgen.config import Config, compose_config
from musicgen.sweep import job_queue
from musicgen.sweep.display import SweepDisplay, SweepState
from musicgen.sweep.job_queue import Capacity, JobQueue, QueuedJob
from musicgen.sweep.worker import Ending
from musicgen.system.interruption import Interruption

MAX_LOOKS = 40
NUM_PAUSES = 3
LACK = Ending(error="can't start new thread", is_exhaustion=True)
DONE = Ending(value=1.5)


class Process:
    """Ends with this value when the condition holds."""

    def __init__(self, is_done: Callable[[], bool], ending: Ending) -> None:
        self.connection, self._job = Pipe(duplex=False)
        self._is_done, self._ending, self._looks = is_done, ending, 0
        self.is_over = False

    def receive(self) -> None:
        self._looks += 1
        assert self._looks < MAX_LOOKS, "the condition was never met"
        self.is_over = self._is_done()

    def ending(self) -> Ending:
        return self._ending

    def interrupt(self) -> None:
        self.is_over = True

    def kill(self) -> None:
        self.is_over = True

    def close(self) -> None:
        self.connection.close()
        self._job.close()


class Launch:
    """A queue of two places that asks for jobs, which end as `plan` says."""

    def __init__(self, plan: list[tuple[int, Callable[[], bool]]], ending: Ending) -> None:
        """plan: for each job its number of threads, and when it ends."""
        self.plan, self.ending = plan, ending
        self.asked = 0
        self.started: list[int] = []
        self.ended: list[JobReturn] = []
        self.interruption = Interruption()
        base = compose_config(["data=file", "data.path=tunes.abc"])
        self.configs = [
            replace(base, device="cpu", training=replace(base.training, num_threads=threads))
            for threads, _ in plan
        ]

    def next_job(self) -> tuple[str, QueuedJob] | None:
        if self.asked == len(self.plan):
            return None
        config, number = self.configs[self.asked], self.asked
        self.asked += 1
        job = QueuedJob([f"x={number}"], lambda: (OmegaConf.create(), config), ended=self.ended.append)
        return f"job {number}", job

    def start(self, number: int, composed: object, config: Config) -> Process:
        self.started.append(number)
        return Process(self.plan[number][1], self.ending)

    def interrupt(self) -> bool:
        self.interruption.requested = True
        return True

    def run(self) -> str:
        """Run them all; returns what is printed."""
        printed = io.StringIO()
        with SweepDisplay(SweepState({}, is_open=True), Console(file=printed)) as display:
            start = cast(Any, self.start)
            JobQueue({}, start, Capacity(None), display, self.interruption, self.next_job).run()
        return printed.getvalue()


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_queue, "num_cores", lambda: 2)
    monkeypatch.setattr(job_queue, "SECONDS_BETWEEN_REPORTS", 0.001)
    monkeypatch.setattr(job_queue, "SECONDS_OF_PAUSES", (0.0,) * NUM_PAUSES)


def test_a_job_starts_as_soon_as_another_has_ended() -> None:
    # The first one ends only when all others have run next to it.
    launch = Launch([(1, lambda: len(launch.ended) == 3), *[(1, lambda: True)] * 3], Ending(value=1.5))
    printed = launch.run()
    assert [job.overrides for job in launch.ended] == [[f"x={number}"] for number in (1, 2, 3, 0)]
    assert all(job.status is JobStatus.COMPLETED and job.return_value == 1.5 for job in launch.ended)
    assert printed.startswith("job 1: validation 1.5000 in")


def test_a_job_is_asked_for_when_there_is_room() -> None:
    seen: list[int] = []
    launch = Launch([(2, lambda: not seen.append(launch.asked)), (2, lambda: True)], Ending(value=1.5))
    launch.run()
    assert seen == [1] and launch.started == [0, 1]


def test_a_failed_job_reports_and_an_interrupted_one_does_not() -> None:
    failed = Launch([(1, lambda: True)], Ending(error="no such file"))
    failed.run()
    assert [job.status for job in failed.ended] == [JobStatus.FAILED]
    stopped = Launch([(1, lambda: stopped.interrupt()), (2, lambda: True)], Ending(error="interrupted"))
    stopped.run()
    assert stopped.started == [0] and stopped.ended == []


class Crowded(Launch):
    """A launch on a machine that has no room for the first attempts."""

    def __init__(self, num_jobs: int, attempts: Iterator[Ending | Exception], num_threads: int = 2) -> None:
        """attempts: how each start of a job goes, in order; num_threads: with 2, jobs run one at a time."""
        super().__init__([(num_threads, lambda: True)] * num_jobs, DONE)
        self._attempts = attempts

    def start(self, number: int, composed: object, config: Config) -> Process:
        self.started.append(number)
        attempt = next(self._attempts, DONE)
        if isinstance(attempt, Exception):
            raise attempt
        return Process(lambda: True, attempt)

    @property
    def results(self) -> list[tuple[str, object]]:
        """What each job is called, and its value or its error, in the order of their ends."""
        return [
            (
                " ".join(job.overrides or []),
                job._return_value if job.status is JobStatus.COMPLETED else "failed",
            )
            for job in self.ended
        ]


NO_PROCESS = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


@pytest.mark.parametrize("lack", [NO_PROCESS, EOFError(), BrokenPipeError(), ConnectionRefusedError()])
def test_a_job_that_finds_no_process_starts_later(lack: Exception) -> None:
    launch = Crowded(2, iter([lack] * NUM_PAUSES))
    printed = launch.run()
    assert launch.started == [0] * (NUM_PAUSES + 1) + [1]
    assert launch.results == [("x=0", 1.5), ("x=1", 1.5)]
    assert printed.count("the machine is out of processes, threads or memory") == 1


def test_a_job_that_was_lost_alone_runs_again() -> None:
    launch = Crowded(2, iter([LACK] * NUM_PAUSES))
    launch.run()
    assert launch.started == [0] * (NUM_PAUSES + 1) + [1]
    assert launch.results == [("x=0", 1.5), ("x=1", 1.5)]


def test_a_lost_job_comes_after_the_others() -> None:
    launch = Crowded(1, iter([LACK, LACK]))
    (config,) = launch.configs
    jobs = {
        number: QueuedJob([f"x={number}"], lambda: (OmegaConf.create(), config), ended=launch.ended.append)
        for number in range(3)
    }
    display = SweepDisplay(SweepState({0: "a", 1: "b", 2: "c"}), Console(file=io.StringIO()))
    JobQueue(jobs, cast(Any, launch.start), Capacity(None), display, launch.interruption).run()
    assert launch.started == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("lack", [LACK, NO_PROCESS])
def test_jobs_fail_when_no_pause_has_helped(lack: Ending | Exception) -> None:
    launch = Crowded(3, iter([lack] * (NUM_PAUSES + 2)))
    launch.run()
    # The first takes all pauses, the second has one attempt, and the third finds room.
    assert launch.started == [0] * (NUM_PAUSES + 1) + [1, 2]
    assert launch.results == [("x=0", "failed"), ("x=1", "failed"), ("x=2", 1.5)]


def test_a_job_that_ends_renews_the_pauses() -> None:
    launch = Crowded(2, iter([*[LACK] * NUM_PAUSES, DONE, *[LACK] * NUM_PAUSES, DONE]))
    launch.run()
    assert launch.results == [("x=0", 1.5), ("x=1", 1.5)]


def test_an_interruption_ends_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_queue, "SECONDS_OF_PAUSES", (1e9,))
    launch = Crowded(1, iter([LACK]))
    monkeypatch.setattr("musicgen.sweep.job_queue.time.sleep", lambda _: launch.interrupt())
    launch.run()
    assert launch.started == [0] and launch.ended == []


def test_jobs_lost_together_run_one_at_a_time() -> None:
    running: list[int] = []
    launch = Crowded(4, iter([LACK, LACK]), num_threads=1)
    start = launch.start

    def watched(number: int, composed: object, config: Config) -> Process:
        process = start(number, composed, config)
        running.append(len(launch.started) - len(launch.ended) - min(2, len(running)))
        return process

    launch.start = watched  # type: ignore[method-assign]
    launch.run()
    # After the two that are lost, each starts when all before it have ended.
    assert running == [1, 1, 1, 1, 1, 1] and len(launch.results) == 4
