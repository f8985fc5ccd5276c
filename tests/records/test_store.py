"""Which trainings there are, when each was used last, and which go first."""

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from musicgen.records.store import (
    StoredTraining,
    count_text,
    keep_below,
    prune,
    read_store,
    training_folder,
)
from musicgen.training.folder import TrainingFolder
from tests.test_config import parsed

HOUR = 3600.0


def identity(number: int) -> str:
    """The name of a training, as hexadecimal digits."""
    return f"{number:016x}"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Four trainings of a megabyte each, last used 0, 1, 2 and 3 hours ago."""
    for number in range(4):
        folder = TrainingFolder(tmp_path / identity(number))
        with folder.locked():
            folder.end(300).write_bytes(bytes(1_000_000))
        then = time.time() - number * HOUR
        for path in folder.path.iterdir():
            os.utime(path, (then, then))
    return tmp_path


def folders_in(store: Path) -> list[str]:
    return sorted(path.name for path in store.iterdir())


@pytest.mark.parametrize(("gigabytes", "number"), [(1.0, 4), (0.0031, 3), (0.0021, 2), (0.0011, 1), (0.0, 1)])
def test_the_oldest_go_and_the_latest_stays(gigabytes: float, number: int, store: Path) -> None:
    keep_below(store, gigabytes)
    assert folders_in(store) == [identity(each) for each in range(number)]


def test_others_are_removed_in_place_of_a_training_in_progress(store: Path) -> None:
    with TrainingFolder(store / identity(3)).locked():
        then = time.time() - 9 * HOUR
        for path in (store / identity(3)).iterdir():
            os.utime(path, (then, then))
        keep_below(store, 0.0021)
    assert folders_in(store) == [identity(0), identity(3)]


def test_files_that_vanish_meanwhile_are_ignored(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    iterdir = Path.iterdir

    def vanishing(folder: Path) -> list[Path]:
        if folder.name == identity(1):
            raise FileNotFoundError(folder)
        return [*iterdir(folder), folder / "state-000100.pt"]

    monkeypatch.setattr(Path, "iterdir", vanishing)
    found = [training.folder.path.name for training in read_store(store)]
    assert found == [identity(0), identity(2), identity(3)]


NOW = datetime(2026, 11, 1, 12)


def stored(path: Path, num_bytes: int, days_ago: int) -> StoredTraining:
    """A training whose two files have `size` bytes together; the newer was written `days` ago."""
    path.mkdir(parents=True)
    for name, size, days in (("end-000300.pt", num_bytes - 1, days_ago), ("about.json", 1, days_ago + 7)):
        (path / name).write_bytes(bytes(size))
        moment = (NOW - timedelta(days=days)).timestamp()
        os.utime(path / name, (moment, moment))
    (path / ".lock").touch()
    os.utime(path / ".lock", (moment, moment))
    return StoredTraining(TrainingFolder(path), num_bytes, NOW - timedelta(days=days_ago))


@pytest.fixture
def trainings(tmp_path: Path) -> list[StoredTraining]:
    """Of 100, 200 and 300 bytes, last used 1, 2 and 3 days ago."""
    return [stored(tmp_path / "store" / identity(days), 100 * days, days) for days in (1, 2, 3)]


def names(trainings: list[StoredTraining]) -> list[str]:
    return [training.folder.path.name for training in trainings]


def test_trainings_are_listed_by_last_use(trainings: list[StoredTraining], tmp_path: Path) -> None:
    (tmp_path / "store" / "empty").mkdir()
    (tmp_path / "store" / "a file").touch()
    assert read_store(tmp_path / "store") == trainings
    (one, *_) = read_store(tmp_path / "store", locks=False)
    assert not one.folder.locks
    assert read_store(tmp_path / "nowhere") == []


def test_one_training_is_singular(trainings: list[StoredTraining]) -> None:
    assert [count_text(trainings[:count]) for count in (0, 1, 2)] == [
        "0 trainings, 0.0 MB",
        "1 training, 0.0 MB",
        "2 trainings, 0.0 MB",
    ]


def test_only_trainings_used_before_the_moment_are_removed(trainings: list[StoredTraining]) -> None:
    removed, in_use = prune(trainings, older_than=NOW - timedelta(days=2))
    assert names(removed) == [identity(3)] and in_use == []
    assert [one.folder.path.exists() for one in trainings] == [True, True, False]


@pytest.mark.parametrize(
    ("max_bytes", "gone"),
    [
        (600, []),
        (599, [identity(3)]),
        (300, [identity(3)]),
        (299, [identity(3), identity(2)]),
        (99, [identity(3), identity(2), identity(1)]),
    ],
)
def test_the_oldest_are_removed_until_the_store_is_small(
    max_bytes: int, gone: list[str], trainings: list[StoredTraining]
) -> None:
    assert names(prune(trainings, max_bytes=max_bytes)[0]) == gone
    assert [one.folder.path.name for one in trainings if not one.folder.path.exists()] == gone[::-1]


def test_pruning_by_both_rules_or_neither(trainings: list[StoredTraining]) -> None:
    assert prune(trainings) == ([], [])
    removed, _ = prune(trainings, older_than=NOW - timedelta(days=2), max_bytes=250, dry_run=True)
    # t3 for its age; the 300 bytes that are left are still too many.
    assert names(removed) == [identity(3), identity(2)]
    assert all(one.folder.path.exists() for one in trainings)


def test_a_training_in_progress_stays_and_its_size_counts(trainings: list[StoredTraining]) -> None:
    with trainings[2].folder.locked():
        removed, in_use = prune(trainings, max_bytes=350)
    # Its 300 bytes and 50 more may stay.
    assert (names(removed), names(in_use)) == ([identity(2), identity(1)], [identity(3)])


def test_a_training_folder_is_named_by_its_identity() -> None:
    config = parsed("paths.store=somewhere", "paths.locks=false")
    folder = training_folder(config, "0123")
    assert (folder.path, folder.locks) == (Path("somewhere/0123"), False)


def test_other_folders_in_the_store_are_left_alone(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for name, files in {
        "thesis": ["end-000300.pt", ".lock"],
        identity(1): ["about.json", "end-000300.pt", "notes.txt"],
        identity(2): ["state-000300.pt", "diverged.json"],
    }.items():
        (store / name).mkdir(parents=True)
        for file in files:
            (store / name / file).write_text("mine")
    stored(tmp_path / "elsewhere" / identity(3), 100, 9)
    (store / identity(3)).symlink_to(tmp_path / "elsewhere" / identity(3))
    before = sorted(tmp_path.rglob("*"))
    assert read_store(store) == []
    keep_below(store, 0.0)
    assert sorted(tmp_path.rglob("*")) == before


def test_foreign_files_in_a_training_folder_stay(tmp_path: Path) -> None:
    training = stored(tmp_path / identity(1), 100, 9)
    (training.folder.path / "end-000600.pt").mkdir()
    (training.folder.path / "notes.txt").touch()
    prune(read_store(tmp_path), max_bytes=0)
    assert {path.name for path in training.folder.path.iterdir()} == {"end-000600.pt", "notes.txt"}
