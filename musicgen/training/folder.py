"""The folder of one training in the store: which states are in it, and who may write there.

    end-000300.pt    the whole state at the end of a run of 300 iterations; stays
    state-000250.pt  the newest state of a training under way; its next one takes its place
    diverged.json    where the training diverged, which it would do again
    about.json       what is trained here and how fast, for people and for plans
    .lock            held by the process that trains

All states of a training lie on one trajectory: whoever trains on may start from any of them. So nothing
breaks where several processes train at once, for want of locks: each removes the states that it passed
itself, and no end of a run. This module knows names and never reads tensors.
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
"""What locking says where another process removes the folder between its being made and being locked; the
second where that happens while pathlib looks whether what is there already is a folder."""
Value = TypeVar("Value")
STATE_NAME = re.compile(r"(end|state)-(\d{6,})\.pt")
_ZIP = b"PK"
_DIVERGED, _ABOUT = "diverged.json", "about.json"


def is_ours(name: str) -> bool:
    """Whether a training writes files of this name into its folder."""
    return name in (_DIVERGED, _ABOUT, LOCK) or is_unfinished(name) or STATE_NAME.fullmatch(name) is not None


def is_training(folder: Path) -> bool:
    """Whether a training has worked in the folder: it left its lock, or a state in torch's format."""
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
    """A state on the disk."""

    path: Path
    iteration: int
    is_end: bool
    """Whether a run ended here."""


@dataclass(frozen=True, slots=True)
class TrainingFolder:
    """Names in the folder of one training."""

    path: Path
    locks: bool = True
    """Whether the file system has locks, and one process trains at a time."""

    def states(self) -> list[StateFile]:
        """Every state, the furthest first; of two at one iteration, the end of a run first."""
        found = []
        for name in self._file_names():
            match = STATE_NAME.fullmatch(name)
            if match is not None:
                found.append(StateFile(self.path / name, int(match[2]), match[1] == "end"))
        return sorted(found, key=lambda state: (state.iteration, state.is_end), reverse=True)

    def end(self, iteration: int) -> Path:
        """The state at the end of a run of so many iterations."""
        return self.path / f"end-{iteration:06d}.pt"

    def passing(self, iteration: int) -> Path:
        """A state that a training under way passes."""
        return self.path / f"state-{iteration:06d}.pt"

    @property
    def divergence(self) -> Divergence | None:
        """Where the training is known to diverge."""
        return self._recall(
            _DIVERGED,
            lambda values: Divergence(
                iteration=int(values["iteration"]),
                learning_rate=float(values["learning_rate"]),
                loss=float(values["loss"]),
                gradient_norm=float(values["gradient_norm"]),
            ),
        )

    def note_divergence(self, divergence: Divergence) -> None:
        """Keep where the training diverges, so that nobody trains it there again."""
        # As text, since JSON knows no infinity.
        values = {name: str(value) for name, value in asdict(divergence).items()}
        write_text_atomically(self.path / _DIVERGED, json.dumps(values, indent=2) + "\n")

    @property
    def about(self) -> dict:
        """What is trained here, as `describe` wrote it; empty where nobody did."""
        return self._recall(_ABOUT, dict) or {}

    def _recall(self, name: str, read: Callable[[dict], Value]) -> Value | None:
        """What a file remembers; None with a warning if it is damaged. The next training writes it again."""
        path = self.path / name
        try:
            return read(json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, PermissionError):
            return None
        except (ValueError, TypeError, KeyError):
            log.warning("%s is damaged and ignored", path)
            return None

    def describe(self, about: Mapping[str, object]) -> None:
        """Say what is trained here, unless somebody has removed it since or it is another user's."""
        text = json.dumps(about, indent=2, ensure_ascii=False, allow_nan=False)
        with suppress(FileNotFoundError, PermissionError):
            write_text_atomically(self.path / _ABOUT, text + "\n")

    def remove(self) -> bool:
        """Remove the training unless a process trains it; returns whether it went.

        Only files with the names above go, and the folder if nothing else is in it. Without locks nobody
        knows whether a process trains.
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
            # Last: from now on others may lock the folder again, and begin to train there.
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
        """Be the only process that trains here; waits for another one to end.

        Without locks it may be one of several. Gives whether anything may be written here: what another user
        has trained can be read, and no lock is needed for that.
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
        """Raise InputError: the folder, or the store that it would be made in, is another user's."""
        place = next(path for path in (self.path, *self.path.absolute().parents) if path.exists())
        raise InputError(
            f"{place}: another user's, and this run has to train there; to share a store, make its folders "
            "writable for your group (chmod g+ws) and use umask 002; or set paths.store to your own folder"
        )

    def _acquire(self) -> BaseFileLock:
        has_waited = False

        def tell(words: str) -> None:
            nonlocal has_waited
            has_waited = True
            report_waiting(WAITING_TO_TRAIN, f"the same network is in training: {words}")

        while True:
            try:
                lock = wait_for_lock(self._lock_file, tell)
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
        """Of everything in the folder; nothing where it was removed or may not be read."""
        try:
            return [path.name for path in self.path.iterdir()]
        except (FileNotFoundError, PermissionError):
            return []
