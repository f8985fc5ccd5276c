"""Processes that end with their test, and waiting for them, however slow the machine."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

from tests.forked import ForkedCommand

MAX_WAIT_SECONDS = 600.0
"""So long that only a defect takes longer."""
_started: "list[subprocess.Popen[str] | ForkedCommand]" = []
Process = TypeVar("Process", "subprocess.Popen[str]", ForkedCommand)


def ended_with_the_test(process: Process) -> Process:
    """Let the process end, and its pipes close, with the running test, also if that fails."""
    _started.append(process)
    return process


def end_processes() -> None:
    """End what the test has left running."""
    while _started:
        process = _started.pop()
        # It may lead a group; one that runs in ours must not take pytest with it.
        if process.poll() is None and os.getpgid(process.pid) == process.pid:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        process.wait()


def kill_all(process: ForkedCommand) -> None:
    """Kill the command and everything that it started, as a power cut would."""
    command = psutil.Process(process.pid)
    for member in [*command.children(recursive=True), command]:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.communicate()


def wait_until(
    condition: Callable[[], object], process: "subprocess.Popen[str] | ForkedCommand | None" = None
) -> None:
    """Wait for the condition; fails after a long time, or once the process that should meet it has ended."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while not condition():
        assert process is None or process.poll() is None or condition(), "the process ended"
        assert time.monotonic() < deadline, "the condition was never met"
        time.sleep(0.02)


def wait_for(path: Path) -> None:
    """Wait until the file exists."""
    wait_until(path.exists)
