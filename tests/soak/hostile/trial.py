"""Run a command in a process with limits, and check how it ends."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_SECONDS = 120
MAX_MEGABYTES = 2000
MAX_ADDRESS_BYTES = 24 * 2**30
"""Address space; large, because torch reserves gigabytes that it hardly uses."""


@dataclass(frozen=True)
class Trial:
    """How a command ended, and what it used."""

    name: str
    command: Sequence[str]
    status: int
    seconds: float
    peak_megabytes: float
    """Resident memory."""
    errors: str
    """Its stderr."""

    @property
    def last_line(self) -> str:
        return (self.errors.strip().splitlines() or [""])[-1]

    def problems(self, *, is_refused: bool) -> list[str]:
        """List broken promises: status and message, memory, time."""
        found = []
        is_expected = (
            self.status == 1 and self.last_line.startswith("musicgen: ") if is_refused else self.status == 0
        )
        if not is_expected:
            found.append(f"status {self.status}, {self.last_line[:200]!r}")
        if "Traceback" in self.errors:
            found.append("a traceback")
        if self.peak_megabytes > MAX_MEGABYTES:
            found.append(f"{self.peak_megabytes:.0f} MB")
        if self.seconds >= MAX_SECONDS:
            found.append(f"ended after {self.seconds:.0f} s")
        return found


def attempt(name: str, module: str, *arguments: str | Path, folder: Path) -> Trial:
    """Run `python -m musicgen.<module> <arguments>` in a folder, with limits."""
    command = [sys.executable, "-m", f"musicgen.{module}", *map(str, arguments)]
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
            preexec_fn=_limit,
            env=os.environ | {"OMP_NUM_THREADS": "1", "COMET_API_KEY": "", "COMET_CONFIG": os.devnull},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors = output.read(2**20).decode("utf-8", errors="replace")
    seconds = time.monotonic() - started
    return Trial(name, command[2:], process.returncode, seconds, usage.ru_maxrss / 1024, errors)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_BYTES, MAX_ADDRESS_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
