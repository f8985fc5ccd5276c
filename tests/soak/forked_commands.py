"""Commands that start at once, as forks of this process, which has already imported their modules.

From its first line on, a command does what `python -m` does. Skipping the imports, during which it writes
nothing, makes a trial three times as fast.
"""

import atexit
import gc
import importlib
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

import psutil

from musicgen.sweep.fork_server import PRELOADED

_MORE = (
    "musicgen.train",
    "musicgen.sample",
    "musicgen.evaluate",
    "musicgen.listen",
    "musicgen.listening.server",
    "musicgen.listening.printing",
    "musicgen.report",
    "musicgen.reporting.markup",
    "musicgen.reporting.pack",
    "musicgen.search.work",
    "optuna",
    "pandas",
    # What a search with SQLite, the importance of its parameters and the classifier import on first use.
    "alembic.command",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.orm",
    "optuna.importance",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.model_selection",
)
_EXCLUDED = ("comet_ml",)
"""It starts threads, which a fork would lose."""
_POLL_SECONDS = 0.01
_started: "list[Command]" = []


class Command:
    """A command in its own process group."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Start `python -m <module> <arguments>`."""
        import_all()
        self._folder = tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True)
        self._printed = Path(self._folder.name)
        self.returncode: int | None = None
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._run(module, arguments)
        _started.append(self)

    def _run(self, module: str, arguments: tuple[str, ...]) -> NoReturn:
        """Run the module in the child process, and end the process."""
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for standard, name in ((1, "out"), (2, "err")):
            descriptor = os.open(self._printed / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(descriptor, standard)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        # Replace the parent's streams, which pytest may have redirected.
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
        os._exit(run_module(module, arguments))

    @property
    def output(self) -> str:
        """What it has printed to stdout so far."""
        return self._read("out")

    def _read(self, name: str) -> str:
        path = self._printed / name
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def members(self) -> list[psutil.Process]:
        """Its running descendants, then the command itself; empty if it has ended."""
        try:
            root = psutil.Process(self.pid)
            return [*root.children(recursive=True), root]
        except psutil.NoSuchProcess:
            return []

    def poll(self) -> int | None:
        """Return the exit status, minus the number of a signal that ended it; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds: float = 300.0) -> subprocess.CompletedProcess[str]:
        """Wait for the end; returns status and output. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + seconds
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired([str(self.pid)], seconds)
            time.sleep(_POLL_SECONDS)
        return subprocess.CompletedProcess([str(self.pid)], status, self.output, self._read("err"))


def run_module(module: str, arguments: Sequence[str]) -> int:
    """Do in this process what `python -m <module> <arguments>` does; returns its exit status."""
    status = 1
    try:
        sys.argv = [module, *arguments]
        # runpy warns that the module has been imported already.
        warnings.simplefilter("ignore", RuntimeWarning)
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


@atexit.register
def _kill_all() -> None:
    """Kill all running commands, in case the soak is interrupted."""
    for command in _started:
        if command.poll() is None:
            for member in command.members():
                with suppress(psutil.NoSuchProcess):
                    member.kill()


@cache
def import_all() -> None:
    """Import what the commands import, so that the first one does not wait for it."""
    for name in (*PRELOADED, *_MORE):
        if name not in _EXCLUDED:
            importlib.import_module(name)
    gc.freeze()
