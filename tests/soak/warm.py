"""Commands that start at once: forks of this process, which has imported what they import.

What a command does from its first line on is what `python -m` does; the seconds of imports before, in which
it writes nothing, are left out, and so a trial takes a third of the time.
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
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

import psutil

from musicgen.sweep.fork_server import PRELOADED

_MORE = (
    "musicgen.sample",
    "musicgen.listen",
    "musicgen.listening.server",
    "musicgen.listening.printing",
    "musicgen.report",
    "musicgen.reporting.markup",
    "musicgen.reporting.pack",
    "musicgen.search.work",
    "optuna",
    "pandas",
)
_LEFT_OUT = ("comet_ml",)
"""It starts threads, which a fork would not have."""
_SECONDS_BETWEEN_LOOKS = 0.01
_started: "list[Command]" = []


class Command:
    """A command under way, in a process group of its own."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Start what `python -m <module> <arguments>` starts."""
        import_all()
        self._folder = tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True)
        self._printed = Path(self._folder.name)
        self.returncode: int | None = None
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._be(module, arguments)
        _started.append(self)

    def _be(self, module: str, arguments: tuple[str, ...]) -> NoReturn:
        """Be the command, until the end of the process."""
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for standard, name in ((1, "out"), (2, "err")):
            descriptor = os.open(self._printed / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(descriptor, standard)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        # Those of this process may lead elsewhere, as below a test.
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
        status = 1
        try:
            sys.argv = [module, *arguments]
            # That the module is imported already is meant.
            warnings.simplefilter("ignore", RuntimeWarning)
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._read("out")

    @property
    def errors(self) -> str:
        """What it has printed to stderr so far."""
        return self._read("err")

    def _read(self, name: str) -> str:
        path = self._printed / name
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def members(self) -> list[psutil.Process]:
        """Everything that it has started, itself at the end; nothing where it has ended."""
        try:
            root = psutil.Process(self.pid)
            return [*root.children(recursive=True), root]
        except psutil.NoSuchProcess:
            return []

    def poll(self) -> int | None:
        """The exit status, below 0 where a signal ended it; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds: float = 300.0) -> subprocess.CompletedProcess[str]:
        """How it ended, and what it printed; raises TimeoutExpired where it does not end in time."""
        until = time.monotonic() + seconds
        while (status := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired([str(self.pid)], seconds)
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return subprocess.CompletedProcess([str(self.pid)], status, self.output, self.errors)


@atexit.register
def _end_all() -> None:
    """Leave nothing running where a soak is ended itself."""
    for command in _started:
        if command.poll() is None:
            for member in command.members():
                with suppress(psutil.NoSuchProcess):
                    member.kill()


@cache
def import_all() -> None:
    """Import what commands import; the first one would wait for it."""
    for name in (*PRELOADED, *_MORE):
        if name not in _LEFT_OUT:
            importlib.import_module(name)
    gc.freeze()
