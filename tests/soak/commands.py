"""Start the project's commands as parallel processes, with settings that take seconds."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import commands

ITERATIONS = 60
TINY = (
    *commands.TINY,
    "training.num_threads=1",
    "evaluation.num_reference_splits=2",
    "tracker=none",
)
"""A complete run in seconds on a tunebook of `write_tunebook`, with ITERATIONS iterations."""
SONGS = ("rendering.num_tunes=2", "rendering.audio_format=ogg")


def write_tunebook(folder: Path) -> Path:
    """Write tunes.abc with forty short, distinct tunes; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tunes.abc"
    path.write_text("\n\n".join(small_tune(number) for number in range(40)) + "\n", encoding="utf-8")
    return path


def small_tune(number: int) -> str:
    """A valid tune of eight bars whose notes depend on `number`."""
    letters = "CDEFGABc"
    bars = [
        "".join(letters[(number * (bar + 1) + 3 * bar + step * (1 + number % 5)) % 8] for step in range(8))
        for bar in range(8)
    ]
    header = f"X:{number + 1}\nT:Tune {number + 1}\nR:reel\nM:4/4\nL:1/8\nK:C\n"
    return header + "|".join(bars[:4]) + "|\n" + "|".join(bars[4:]) + "|]"


@dataclass
class Command:
    """A running command of the project."""

    process: subprocess.Popen[bytes]
    log: Path
    """Its stdout and stderr."""

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def last_line(self) -> str:
        return self.output.strip().splitlines()[-1]

    def end(self, seconds: float = 600.0) -> int:
        """Wait for the command to end; returns its exit status."""
        try:
            return self.process.wait(seconds)
        finally:
            self.process.kill()


def start(
    log: Path,
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Command:
    """Start `python -m musicgen.<module>` with one thread, its output going to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    base = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "COMET_CONFIG": os.devnull}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", f"musicgen.{module}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **base, **(environment or {})},
            cwd=cwd,
        )
    return Command(process, log)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 200.0) -> float:
    """Wait until the condition holds; returns the seconds it took. Raises TimeoutError."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - started
