"""Trains by the same command as the console, in a separate process.

So a training uses the threads, memory and signals of a process as it does at the console, a notebook's own
settings do not reach it, and interrupting the notebook leaves a run that resumes.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, TextIO

from musicgen.api.runs import Run, load_run
from musicgen.errors import InputError
from musicgen.system.limits import starting_threads

_COMMAND = "musicgen.train"
_PREFIX = "musicgen: "
"""Before the line of an error."""
_SECONDS_FOR_THE_REST = 10.0
"""A process that the command leaves behind, such as an upload, may keep its output open."""


def train(*overrides: str) -> Run:
    """Train a network, sample tunes, measure and render them: `musicgen train OVERRIDES`.

    Prints what the command prints. An interruption saves the state of the training; the same call resumes.

    Parameters
    ----------
    overrides
        What to change in the config, each as on the command line: "model.cell=gru", "experiment=smoke".

    Raises
    ------
    InputError
        The command failed with this line, for example because of a misspelt name.
    subprocess.CalledProcessError
        The command ended in any other way.

    Examples
    --------
    >>> run = musicgen.train("experiment=smoke", "model.cell=gru")
    """
    return load_run(_directory_of(overrides))


def train_sweep(*overrides: str) -> Path:
    """Run baseline and changes with every seed: `musicgen train --multirun OVERRIDES`.

    Returns the sweep directory, for `load_runs` and `compare`. Prints, resumes and fails as `train` does.

    Parameters
    ----------
    overrides
        As for `train`. Those with one value make the baseline; of several, "model.cell=lstm,gru", each that
        differs from the baseline is a separate change. "seed=0,1,2" repeats every run with each seed.

    Raises
    ------
    InputError
        The command failed with this line. If a run fails, the others continue first.
    subprocess.CalledProcessError
        The command ended in any other way.

    Examples
    --------
    >>> sweep = musicgen.train_sweep("experiment=smoke", "model.cell=lstm,gru", "seed=0,1")
    >>> effects = musicgen.compare(sweep)
    """
    return _directory_of(overrides, "--multirun")


def _directory_of(overrides: Sequence[str], *options: str) -> Path:
    """Run the command; returns the directory that it prints last."""
    for override in overrides:
        if not isinstance(override, str) or override.startswith("-"):
            raise InputError(f"{override}: not an override; write texts such as 'model=gru', 'seed=1'")
    command = [sys.executable, "-m", "musicgen.api.attached", _COMMAND, *options, *overrides]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"},
        # A signal of the terminal would reach it twice, and the second one ends a training at once.
        start_new_session=True,
    )
    # The command ends when its input does, so it ends with this process, however that ends.
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    with process.stdin:
        with starting_threads():
            out, err = _PassedOn(process.stdout, sys.stdout), _PassedOn(process.stderr, sys.stderr)
        is_interrupted = _wait(process)
        out.join(_SECONDS_FOR_THE_REST)
        err.join(_SECONDS_FOR_THE_REST)
    if is_interrupted:
        raise KeyboardInterrupt
    if process.returncode and err.last_line.startswith(_PREFIX):
        raise InputError(err.last_line.removeprefix(_PREFIX))
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    directory = Path(out.last_line)
    if not out.last_line or not directory.is_dir():
        raise InputError("the command made no directory; a dry run only prints its plan")
    return directory


def _wait(process: "subprocess.Popen[str]") -> bool:
    """Wait for the end; returns whether this process was interrupted, which is passed on to the command."""
    is_interrupted = False
    while True:
        try:
            process.wait()
            return is_interrupted
        except KeyboardInterrupt:
            is_interrupted = True
            # As at a terminal, every process of the command gets it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)


class _PassedOn(Thread):
    """Writes what the command prints to the stream of this process, which a notebook shows."""

    def __init__(self, source: IO[str], target: TextIO) -> None:
        super().__init__(daemon=True)
        self._source, self._target = source, target
        self.last_line = ""
        self.start()

    def run(self) -> None:
        """Pass on line by line until the command closes its stream."""
        with self._source:
            for line in self._source:
                self._target.write(line)
                self._target.flush()
                self.last_line = line.rstrip("\n") or self.last_line
