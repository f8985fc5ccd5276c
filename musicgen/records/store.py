"""The store: one folder per training in `paths.store`."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from rich.table import Table

from musicgen.config import Config
from musicgen.records.identity import is_identity
from musicgen.system.terminal import new_table, plain
from musicgen.system.words import counted
from musicgen.training.folder import TrainingFolder, is_ours, is_training

MINUTES_IN_USE = 2.0
"""A training used more recently than this is kept: a run may be about to read it."""


def training_folder(config: Config, training_id: str) -> TrainingFolder:
    """The folder of a training."""
    return TrainingFolder(Path(config.paths.store) / training_id, config.paths.locks)


@dataclass(frozen=True, slots=True)
class StoredTraining:
    """A training in the store."""

    folder: TrainingFolder
    num_bytes: int
    last_used: datetime
    """When a run last ended with this training, or a state was last written."""

    @property
    def description(self) -> str:
        """What was trained, from about.json."""
        about = self.folder.about
        if not about:
            return "no run has ended yet"
        try:
            return (
                f"{about['corpus']}, {about['cell']} {about['num_layers']} × {about['hidden_size']}, "
                f"learning rate {about['learning_rate']:g}, seed {about['seed']}"
            )
        except (KeyError, TypeError, ValueError):
            return "about.json is damaged"


def read_store(folder: Path, *, locks: bool = True) -> list[StoredTraining]:
    """Every training in a store, the most recently used first.

    A folder is a training if its name is an identity and it contains a lock or a state. Everything else is
    ignored, links included.
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
    """The training's own files; other processes may add and remove some meanwhile."""
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
    """Remove trainings last used before `older_than`, then the oldest until `max_bytes` are left.

    Returns those removed (with dry_run, those that would be), and those kept because a process trains them.
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
    """Remove the trainings used longest ago until the store is below this size, except those in use.

    A run that needs a removed training trains it again.
    """
    trainings = read_store(folder, locks=locks)
    then = datetime.now() - timedelta(minutes=MINUTES_IN_USE)
    old = [training for training in trainings if training.last_used < then]
    in_use = sum(training.num_bytes for training in trainings if training.last_used >= then)
    prune(old, max_bytes=int(gigabytes * 1e9) - in_use)


def store_table(trainings: Sequence[StoredTraining]) -> Table:
    """One row per training, for the terminal."""
    table = new_table()
    for heading in ("training", "last used", "size", "iterations", "of"):
        table.add_column(heading, no_wrap=heading != "of", justify="right" if heading == "size" else "left")
    for training in trainings:
        table.add_row(
            plain(training.folder.path.name),
            f"{training.last_used:%Y-%m-%d %H:%M}",
            size_text(training.num_bytes),
            " ".join(str(state.iteration) for state in reversed(training.folder.states())),
            plain(training.description),
        )
    return table


def count_text(trainings: Sequence[StoredTraining]) -> str:
    """Such as "3 trainings, 12.5 MB"."""
    size = size_text(sum(training.num_bytes for training in trainings))
    return f"{counted(len(trainings), 'training')}, {size}"


def size_text(num_bytes: int) -> str:
    """Such as "12.5 MB" or "1.25 GB"."""
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"
