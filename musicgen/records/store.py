"""The store: the folders of all trainings below `paths.store`."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from musicgen.config import Config
from musicgen.records.identity import is_identity
from musicgen.training.folder import TrainingFolder, is_ours, is_training

MINUTES_IN_USE = 2.0
"""For so long after it was last used a training may still be about to be read, and stays."""


def training_folder(config: Config, training_id: str) -> TrainingFolder:
    """The folder of one training."""
    return TrainingFolder(Path(config.paths.store) / training_id, config.paths.locks)


@dataclass(frozen=True, slots=True)
class StoredTraining:
    """A training in the store, and what it costs to keep."""

    folder: TrainingFolder
    num_bytes: int
    last_used: datetime
    """When a run last ended here, or a state was last written."""


def read_store(folder: Path, *, locks: bool = True) -> list[StoredTraining]:
    """Every training of a store, the one used last first.

    A folder is a training if its name is an identity and it holds a lock or a state. Links and everything
    else are left alone.
    """
    trainings = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not is_identity(path.name) or not is_training(path):
            continue
        files = _stat_files(path)
        if files:
            last_used = datetime.fromtimestamp(max(file.st_mtime for file in files))
            trainings.append(
                StoredTraining(TrainingFolder(path, locks), sum(file.st_size for file in files), last_used)
            )
    return sorted(trainings, key=lambda training: training.last_used, reverse=True)


def _stat_files(folder: Path) -> list[os.stat_result]:
    """Of the training's own files, while trainings write there and others remove what they do not need."""
    found = []
    try:
        for file in folder.iterdir():
            with suppress(FileNotFoundError):
                if is_ours(file.name):
                    found.append(file.lstat())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return found


def prune(
    trainings: Sequence[StoredTraining],
    *,
    older_than: datetime | None = None,
    max_bytes: int | None = None,
    dry_run: bool = False,
) -> tuple[list[StoredTraining], list[StoredTraining]]:
    """Remove what was last used before `older_than`, then the oldest until `max_bytes` are left.

    Returns what went (or would go), and what would have gone but is being trained right now.
    """
    size = sum(training.num_bytes for training in trainings)
    removed, in_use = [], []
    for training in sorted(trainings, key=lambda training: training.last_used):
        is_old = older_than is not None and training.last_used < older_than
        is_too_much = max_bytes is not None and size > max_bytes
        if not (is_old or is_too_much):
            continue
        if not dry_run and not training.folder.remove():
            in_use.append(training)
            continue
        removed.append(training)
        size -= training.num_bytes
    return removed, in_use


def keep_below(folder: Path, gigabytes: float, *, locks: bool = True) -> None:
    """Remove what was used longest ago until the store takes no more, but for what is in use or was just now.

    What went is trained again when a run asks for it.
    """
    trainings = read_store(folder, locks=locks)
    then = datetime.now() - timedelta(minutes=MINUTES_IN_USE)
    old = [training for training in trainings if training.last_used < then]
    in_use = sum(training.num_bytes for training in trainings if training.last_used >= then)
    prune(old, max_bytes=int(gigabytes * 1e9) - in_use)
