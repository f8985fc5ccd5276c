"""The project's commands as processes beside each other: tiny settings, what they print, their memory."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ITERATIONS = 60
TINY = (
    "experiment=smoke",
    f"training.num_iterations={ITERATIONS}",
    "training.validation_interval=20",
    "training.batch_size=16",
    "training.sequence_length=40",
    "training.num_threads=1",
    "sampling.max_chars=160",
    'sampling.prompts=["X:1\\nT:Tune\\nR:reel\\nM:4/4\\nL:1/8\\nK:C\\nCDEF"]',
    "evaluation.num_reference_splits=2",
    "tracker=none",
    "data=file",
)
"""A whole run in seconds on a tunebook of `write_tunebook`."""
SONGS = ("rendering.num_tunes=2", "rendering.audio_format=ogg")
"""Little to hear, but some of every kind."""
WAITS = "waiting for"
"""What a command says that waits for another one."""


def write_tunebook(folder: Path) -> Path:
    """Write tunes.abc with forty short tunes, no two alike, and return it."""
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
    """A command of the project under way."""

    process: subprocess.Popen[bytes]
    log: Path
    """What it prints, on both channels."""
    started: float = field(default_factory=time.monotonic)

    @property
    def output(self) -> str:
        """Everything that it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def last_line(self) -> str:
        """The last line that it has printed."""
        return self.output.strip().splitlines()[-1]

    @property
    def num_waits(self) -> int:
        """How often it said for whom it waits."""
        return sum(WAITS in line for line in self.output.splitlines())

    def end(self, seconds: float = 600.0) -> int:
        """Wait for its end and return its exit status."""
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
    """Start `python -m musicgen.<module>` with one thread; `log` is for what it prints."""
    log.parent.mkdir(parents=True, exist_ok=True)
    single = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "COMET_CONFIG": os.devnull}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", f"musicgen.{module}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **single, **(environment or {})},
            cwd=cwd,
        )
    return Command(process, log)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 200.0) -> float:
    """Wait until the condition holds; returns the seconds that took. Raises TimeoutError."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - started


class Memory:
    """The most that this process's children took together, shared pages counted once; seen every second."""

    def __init__(self) -> None:
        self.most = 0
        """Bytes."""
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(1.0):
            self.most = max(self.most, sum(map(_own_memory, psutil.Process().children(recursive=True))))


def _own_memory(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
