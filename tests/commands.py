"""Runs the project's commands, each in a separate process."""

import os
import subprocess
import sys
from pathlib import Path

from tests.forked import ForkedCommand, run_forked
from tests.processes import ended_with_the_test

# With few iterations on few tunes, a whole run takes seconds.
TINY = [
    "experiment=smoke",
    "training.num_iterations=60",
    "training.validation_interval=20",
    "training.batch_size=16",
    "training.sequence_length=40",
    "sampling.max_chars=160",
    "evaluation.num_reference_splits=2",
    'sampling.prompts=["X:1\\nT:Tune\\nR:reel\\nM:4/4\\nL:1/8\\nK:C\\nCDEF"]',
    "data=file",
]


def start(module: str, *arguments: str) -> ForkedCommand:
    """Start `python -m musicgen.<module>`; its output can be read at once, and it ends with the test."""
    return ended_with_the_test(ForkedCommand(f"musicgen.{module}", *arguments))


def start_interpreter(module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start it as a user does, without imports that are already done; it leads a process group."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"musicgen.{module}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    return ended_with_the_test(process)


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m musicgen.<module>` to its end."""
    return run_forked(f"musicgen.{module}", *arguments)


def train(corpus: Path, outputs: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """Do a tiny run or sweep on a corpus file, in seconds."""
    return run("train", *TINY, f"data.path={corpus}", f"paths.outputs={outputs}", *overrides)


def last_line(done: subprocess.CompletedProcess[str]) -> Path:
    """Return the directory that a successful command printed last."""
    assert done.returncode == 0, done.stderr + done.stdout
    return Path(done.stdout.strip().splitlines()[-1])
