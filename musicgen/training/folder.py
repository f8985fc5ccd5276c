"""The folder of one training in the store: its files, and which process may write them.

    end-000300.pt    full state at the end of a run of 300 iterations; kept
    state-000250.pt  latest state of a training in progress; the next one replaces it
    diverged.json    where the training diverged, as it would again
    about.json       what was trained here and how fast, for people and for estimating durations
    .lock            held by the process that trains

All states of a training are points of one trajectory, and training can continue from any of them. That makes
it safe for several processes to train at once on file systems without locks: each removes the states that it
passed itself, and never the end of a run. This module handles names and never reads tensors.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from filelock import BaseFileLock

from musicgen.errors import InputError
from musicgen.system.files import (
    is_unfinished,
    refuse_link,
    remove_empty_folder,
    remove_file,
    remove_unfinished,
    write_text_atomically,
)
from musicgen.system.locks import take_lock, wait_for_lock
from musicgen.training.outcome import Divergence
from musicgen.training.progress import TRAINING, WAITING_TO_TRAIN, report_stage, report_waiting

log = logging.getLogger(__name__)

LOCK = ".lock"
_REMOVED_MEANWHILE = (FileNotFoundError, FileExistsError)
"""Errors of locking when another process removes the folder after it was created; the second one if that
happens while pathlib checks whether the existing path is a folder."""
Value = TypeVar("Value")
STATE_NAME = re.compile(r"(end|state)-(\d{6,})\.pt")
_ZIP = b"PK"
_DIVERGED, _ABOUT = "diverged.json", "about.json"


def is_ours(name: str) -> bool:
    """Whether a training writes files of this name."""
    return name in (_DIVERGED, _ABOUT, LOCK) or is_unfinished(name) or STATE_NAME.fullmatch(name) is not None


def is_training(folder: Path) -> bool:
    """Whether the folder holds a training: a lock file, or a state in torch's format."""
    if folder.is_symlink():
        return False
    lock = folder / LOCK
    return (lock.is_file() and not lock.is_symlink()) or any(map(_is_state, folder.glob("*.pt")))


def _is_state(path: Path) -> bool:
    if STATE_NAME.fullmatch(path.name) is None or not path.is_file():
        return False
    with suppress(OSError), path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP
    return False


@dataclass(frozen=True, slots=True)
class StateFile:
    """A state on disk."""

    path: Path
    iteration: int
    is_end: bool
    """Whether a run ended here."""


@dataclass(frozen=True, slots=True)
class TrainingFolder:
    """The folder of one training."""

    path: Path
    locks: bool = True
    """Whether the file system has locks, so that one process trains at a time."""

    def states(self) -> list[StateFile]:
        """All states, latest first; of two at one iteration, the end of a run first."""
        found = []
        for name in self._file_names():
            match = STATE_NAME.fullmatch(name)
            if match is not None:
                found.append(StateFile(self.path / name, int(match[2]), match[1] == "end"))
        return sorted(found, key=lambda state: (state.iteration, state.is_end), reverse=True)

    def end(self, iteration: int) -> Path:
        """The state at the end of a run of this many iterations."""
        return self.path / f"end-{iteration:06d}.pt"

    def passing(self, iteration: int) -> Path:
        """A state of a training in progress."""
        return self.path / f"state-{iteration:06d}.pt"

    @property
    def divergence(self) -> Divergence | None:
        """Where the training is known to diverge; None if it is not."""

        def read(values: dict) -> Divergence:
            names = ("learning_rate", "loss", "gradient_norm")
            return Divergence(int(values["iteration"]), *(float(values[name]) for name in names))

        return self._read_json(_DIVERGED, read)

    def note_divergence(self, divergence: Divergence) -> None:
        """Remember where the training diverges, so that no run trains up to there again."""
        # As text: JSON has no infinity.
        values = {name: str(value) for name, value in asdict(divergence).items()}
        write_text_atomically(self.path / _DIVERGED, json.dumps(values, indent=2) + "\n")

    @property
    def about(self) -> dict:
        """The contents of about.json; empty if it does not exist."""
        return self._read_json(_ABOUT, dict) or {}

    def _read_json(self, name: str, read: Callable[[dict], Value]) -> Value | None:
        """The contents of a file; None if it is missing or, with a warning, damaged."""
        path = self.path / name
        try:
            return read(json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, PermissionError):
            return None
        except (ValueError, TypeError, KeyError):
            log.warning("%s is damaged and ignored", path)
            return None

    def describe(self, about: Mapping[str, object]) -> None:
        """Write about.json, unless the folder was removed or belongs to another user."""
        text = json.dumps(about, indent=2, ensure_ascii=False, allow_nan=False)
        with suppress(FileNotFoundError, PermissionError):
            write_text_atomically(self.path / _ABOUT, text + "\n")

    def remove(self) -> bool:
        """Remove the training unless a process trains it; return whether it was removed.

        Removes only files with the names above, and the folder if it is then empty. Without locks it cannot
        know whether a process trains.
        """
        try:
            lock = take_lock(self._lock_file) if self.locks else None
        except _REMOVED_MEANWHILE:
            return True
        except PermissionError:
            return False
        if self.locks and lock is None:
            return False
        try:
            for name in self._file_names():
                if name != LOCK and is_ours(name) and not (self.path / name).is_dir():
                    remove_file(self.path / name)
            # Last, because from now on other processes may lock the folder again and train there.
            remove_file(self._lock_file)
            remove_empty_folder(self.path)
        except PermissionError:
            return False
        finally:
            if lock is not None:
                lock.release()
        return True

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Wait until no other process trains here and keep others out. Without locks, just create the folder.

        Yields whether this process may write here: reading what another user trained needs no lock.
        """
        refuse_link(self.path)
        lock = None
        try:
            if self.locks:
                lock = self._acquire()
            else:
                self.path.mkdir(parents=True, exist_ok=True)
        except PermissionError:
            yield False
            return
        try:
            may_write = os.access(self.path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
            if lock is not None and may_write:
                remove_unfinished(self.path)
            yield may_write
        finally:
            if lock is not None:
                lock.release()

    def refuse_to_write(self) -> NoReturn:
        """Raise InputError: the folder, or the store it would be created in, belongs to another user."""
        place = next(path for path in (self.path, *self.path.absolute().parents) if path.exists())
        raise InputError(
            f"{place}: belongs to another user, and this run has to train there; to share a store, make its "
            "folders writable for your group (chmod g+ws) and use umask 002; or set paths.store elsewhere"
        )

    def _acquire(self) -> BaseFileLock:
        has_waited = False

        def on_wait(words: str) -> None:
            nonlocal has_waited
            has_waited = True
            report_waiting(WAITING_TO_TRAIN, f"the same network is in training: {words}")

        while True:
            try:
                lock = wait_for_lock(self._lock_file, on_wait)
            except _REMOVED_MEANWHILE:
                if self.path.is_file():
                    raise
                continue
            if self._lock_file.exists():
                break
            lock.release()
        if has_waited:
            report_stage(TRAINING)
        return lock

    @property
    def _lock_file(self) -> Path:
        return self.path / LOCK

    def _file_names(self) -> list[str]:
        """Names of everything in the folder; none if it was removed or cannot be read."""
        try:
            return [path.name for path in self.path.iterdir()]
        except (FileNotFoundError, PermissionError):
            return []
