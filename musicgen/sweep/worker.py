"""One job of a sweep, inside its process.

The process leads its own session: a Ctrl-C on the terminal reaches only the launcher, which passes it on
once, and everything that the job has started can be killed with it. SIGINT, SIGTERM and SIGHUP all raise
KeyboardInterrupt, on which a training saves its state. What the job prints goes to a file.

Through a pipe the job sends the launcher a Progress whenever it gets further, and one Ending at last. A
process that dies sends no Ending; only its exit status and the last line it printed are left.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from hydra.core.utils import JobRuntime, JobStatus, run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig

from musicgen.config import Config
from musicgen.errors import describe_disk
from musicgen.sweep.exhaustion import is_exhaustion
from musicgen.system.environment import settle_outputs
from musicgen.system.files import remove_file
from musicgen.system.interruption import can_hang_up
from musicgen.training.progress import Progress, report_progress_to

SECONDS_BETWEEN_REPORTS = 0.25
SECONDS_TO_END = 30.0
"""How long a process may take to end after its job is over."""

Task = Callable[..., float | None]
"""Does a job: called with the composed config, without Hydra's part, and with `config=`, the same typed.

A function at the top of a module, since processes receive it by name.
"""


@dataclass(frozen=True)
class Job:
    """What a process needs to do a job."""

    task: Task
    composed: DictConfig
    """With Hydra's part."""
    config: Config
    context: HydraContext
    program: str
    """Hydra's name for the program."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended: with a value, or with an error as text.

    The exception itself stays in the process: its class may not survive pickling, or would make the launcher
    import the packages of the job.
    """

    value: float | None = None
    error: str | None = None
    """One line."""
    error_class: str | None = None
    """Dotted name."""
    is_exhaustion: bool = False
    """Whether the machine had no process, thread or memory for it."""


def work(job: Job, output: Path, launcher: Connection) -> None:
    """Do the job and report to the launcher; the target of a process.

    output: a file for what the job prints; removed once it is open.
    """
    if hasattr(os, "setsid"):
        os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if can_hang_up() else [])):
        # SIGINT may be ignored, as in commands that a shell starts in the background.
        signal.signal(number, signal.default_int_handler)
    if hasattr(signal, "pthread_sigmask"):
        # The fork server blocks it.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _print_to(output)
    settle_outputs()
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    with report_progress_to(_Reporter(launcher)):
        try:
            ending = Ending(value=_run(job))
        except (Exception, KeyboardInterrupt) as error:
            traceback.print_exc()
            ending = describe_error(error)
    _send(launcher, ending)


def describe_error(error: BaseException) -> Ending:
    """The error in one line, with its class unless it is ours or the message says enough."""
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
    setup_globals()
    JobRuntime.instance().set("name", job.program)
    ended = run_job(
        hydra_context=job.context,
        task_function=partial(job.task, config=job.config),
        config=job.composed,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    value = ended._return_value
    if ended.status is JobStatus.FAILED:
        # The property `return_value` would print several lines before it raises.
        raise value
    return None if value is None else float(value)


def _print_to(path: Path) -> None:
    """Send everything that this process prints, from Python or not, to the file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    remove_file(path)
    sys.stdout.flush()
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


class _Reporter:
    """Sends the launcher every new stage at once, and other progress a few times a second."""

    def __init__(self, launcher: Connection) -> None:
        self._launcher = launcher
        self._sent = 0.0
        self._stage = ""

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self._stage or now - self._sent >= SECONDS_BETWEEN_REPORTS:
            self._stage, self._sent = progress.stage, now
            _send(self._launcher, progress)


def _send(launcher: Connection, message: object) -> None:
    # If the launcher is gone, _end_with_launcher ends this process.
    with contextlib.suppress(BrokenPipeError):
        launcher.send(message)


def _end_with_launcher() -> None:
    """Wait until the launcher's process is gone, then end this one, which saves first."""
    launcher = multiprocessing.parent_process()
    assert launcher is not None
    launcher.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    kill_group(os.getpid())


def kill_group(process: int) -> None:
    """End the process of a job and everything that it has started, at once."""
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process, signal.SIGKILL)
        else:
            os.kill(process, signal.SIGTERM)
