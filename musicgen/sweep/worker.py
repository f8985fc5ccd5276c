"""One job of a sweep in a process of its own, seen from inside.

The process leads a session of its own: a Ctrl-C on the terminal reaches the launcher alone, which passes the
wish on once, and whatever the job has started can be killed with it. SIGINT, SIGTERM and SIGHUP all raise
KeyboardInterrupt, for which a training saves its state first. What the job prints goes to a file.

Through a pipe the launcher hears a Progress whenever the job has come further, and one Ending at last. A
process that dies says no Ending; its exit status and its last printed line are then all there is.
"""

import contextlib
import functools
import importlib
import inspect
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from hydra.core.utils import JobRuntime, JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from musicgen.errors import describe_disk
from musicgen.sweep.exhaustion import is_exhaustion
from musicgen.system.environment import settle_outputs
from musicgen.system.files import remove_file
from musicgen.system.interruption import can_hang_up
from musicgen.training.progress import Progress, report_progress_to

SECONDS_BETWEEN_NEWS = 0.25
SECONDS_TO_END = 30.0
"""How long a process may take to end once nobody waits for it any more."""


@dataclass(frozen=True)
class Job:
    """What a process is told to do."""

    config: DictConfig
    context: HydraContext
    module: str
    """Where the task function is; "__main__" for that of the launcher's process."""
    function: str
    name: str
    """What Hydra calls the program."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended: with a value, or with an error as text.

    The exception itself stays where it was raised: its class may not survive the way, or would bring the
    packages of the job into the launcher.
    """

    value: float | None = None
    error: str | None = None
    """One line."""
    error_class: str | None = None
    """Dotted name."""
    is_exhaustion: bool = False
    """Whether the machine had no process, thread or memory for it."""


def reference(task_function: TaskFunction) -> tuple[str, str]:
    """Module and name under which another process finds the function."""
    assert "<" not in task_function.__qualname__, "a task function stands at the top of its module"
    return task_function.__module__, task_function.__qualname__


def work(job: Job, output: Path, launcher: Connection) -> None:
    """Do the job and tell the launcher; the target of a process.

    output: a file for what the job prints; its name is taken away once it is open.
    """
    if hasattr(os, "setsid"):
        os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if can_hang_up() else [])):
        # Also where the launcher was started with SIGINT ignored, as shells do for background jobs.
        signal.signal(number, signal.default_int_handler)
    _print_to(output)
    settle_outputs()
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    with report_progress_to(_News(launcher)):
        try:
            ending = Ending(value=_run(job))
        except (Exception, KeyboardInterrupt) as error:
            traceback.print_exc()
            ending = describe(error)
    _send(launcher, ending)


def describe(error: BaseException) -> Ending:
    """The error in one line: its class is told where the message alone may say too little."""
    kind = type(error)
    message = " ".join(str(error).split())
    if isinstance(error, KeyboardInterrupt):
        line = message or "interrupted"
    elif isinstance(error, OSError) and (of_disk := describe_disk(error)) is not None:
        line = of_disk
    elif message and kind.__module__.startswith("musicgen."):
        line = message
    else:
        line = f"{kind.__name__}: {message}" if message else kind.__name__
    name = f"{kind.__module__}.{kind.__qualname__}"
    return Ending(error=line, error_class=name, is_exhaustion=is_exhaustion(error))


def _run(job: Job) -> float | None:
    # A function of the launcher's main module is found there: multiprocessing has imported it again.
    owner = sys.modules.get(job.module) or importlib.import_module(job.module)
    task_function = inspect.unwrap(functools.reduce(getattr, job.function.split("."), owner))  # type: ignore
    setup_globals()
    JobRuntime.instance().set("name", job.name)
    ended = run_job(
        hydra_context=job.context,
        task_function=task_function,
        config=job.config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    value = ended._return_value
    if ended.status is JobStatus.FAILED:
        # The property would print lines about it before it raises.
        raise value
    return None if value is None else float(value)


def _print_to(path: Path) -> None:
    """Let everything that this process prints go to the file, from whichever language."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    remove_file(path)
    sys.stdout.flush()
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


class _News:
    """Tells the launcher where the job stands: at once at a new stage, else at most a few times a second."""

    def __init__(self, launcher: Connection) -> None:
        self._launcher = launcher
        self._sent = 0.0
        self._stage = ""

    def __call__(self, standing: Progress) -> None:
        now = time.monotonic()
        if standing.stage != self._stage or now - self._sent >= SECONDS_BETWEEN_NEWS:
            self._stage, self._sent = standing.stage, now
            _send(self._launcher, standing)


def _send(launcher: Connection, message: object) -> None:
    # A launcher that is gone hears nothing; the process ends for that reason: see _end_with_launcher.
    with contextlib.suppress(BrokenPipeError):
        launcher.send(message)


def _end_with_launcher() -> None:
    """Wait until the launcher's process is gone, however it ended; then end this one, saving first."""
    launcher = multiprocessing.parent_process()
    assert launcher is not None
    launcher.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    kill_group(os.getpid())


def kill_group(process: int) -> None:
    """End the process of a job and whatever it has started, at once."""
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process, signal.SIGKILL)
        else:
            os.kill(process, signal.SIGTERM)
