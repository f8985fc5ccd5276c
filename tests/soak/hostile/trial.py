"""One command in a process of its own, with what it may take and what it must say."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_SECONDS = 120
MOST_ADDRESS_BYTES = 24 * 2**30
"""Of address space: torch alone reserves some gigabytes, of which it uses little."""


@dataclass(frozen=True)
class Trial:
    """What a command did with a file."""

    name: str
    command: Sequence[str]
    status: int
    seconds: float
    peak_megabytes: float
    """Of memory that was really used."""
    errors: str

    @property
    def last_line(self) -> str:
        """What it said last."""
        return (self.errors.strip().splitlines() or [""])[-1]

    def problems(self, *, refused: bool = True, most_megabytes: float = 2000.0) -> list[str]:
        """Where it broke a promise: one line and a status of its own, little memory, little time."""
        found = []
        if refused and (self.status != 1 or not self.last_line.startswith("musicgen: ")):
            found.append(f"status {self.status}, {self.last_line[:200]!r}")
        if not refused and self.status != 0:
            found.append(f"status {self.status}, {self.last_line[:200]!r}")
        if "Traceback" in self.errors:
            found.append("a traceback")
        if self.peak_megabytes > most_megabytes:
            found.append(f"{self.peak_megabytes:.0f} MB")
        if self.seconds >= MOST_SECONDS:
            found.append(f"ended after {self.seconds:.0f} s")
        return found


def attempt(name: str, module: str, *arguments: str | Path, folder: Path) -> Trial:
    """Run `python -m musicgen.MODULE ARGUMENTS` in a folder, with limits, and measure it."""
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
    return Trial(
        name,
        command[2:],
        process.returncode,
        time.monotonic() - started,
        usage.ru_maxrss / 1024,
        errors,
    )


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESS_BYTES, MOST_ADDRESS_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
