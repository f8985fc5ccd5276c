"""Which trainings there are, when each was used last, and which go first."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from musicgen.study.store import StoredTraining, prune, read_store, training_folder
from musicgen.training.folder import TrainingFolder
from tests.test_config import parsed

NOW = datetime(2026, 11, 1, 12)


def stored(path: Path, num_bytes: int, days_ago: int) -> StoredTraining:
    """A training whose two files have so many bytes together; the newer was written so many days ago."""
    path.mkdir(parents=True)
    for name, size, days in (("end-000300.pt", num_bytes - 1, days_ago), ("about.json", 1, days_ago + 7)):
        (path / name).write_bytes(bytes(size))
        moment = (NOW - timedelta(days=days)).timestamp()
        os.utime(path / name, (moment, moment))
    return StoredTraining(TrainingFolder(path), num_bytes, NOW - timedelta(days=days_ago))


@pytest.fixture
def trainings(tmp_path: Path) -> list[StoredTraining]:
    """Of 100, 200 and 300 bytes, last used 1, 2 and 3 days ago."""
    return [stored(tmp_path / "store" / f"t{days}", 100 * days, days) for days in (1, 2, 3)]


def names(trainings: list[StoredTraining]) -> list[str]:
    return [training.folder.path.name for training in trainings]


def test_a_store_lists_its_trainings_the_one_used_last_first(
    trainings: list[StoredTraining], tmp_path: Path
) -> None:
    (tmp_path / "store" / "empty").mkdir()
    (tmp_path / "store" / "a file").touch()
    assert read_store(tmp_path / "store") == trainings
    (one, *_) = read_store(tmp_path / "store", locks=False)
    assert not one.folder.locks
    assert read_store(tmp_path / "nowhere") == []


def test_what_was_last_used_before_the_moment_goes_and_not_at_it(trainings: list[StoredTraining]) -> None:
    removed, in_use = prune(trainings, older_than=NOW - timedelta(days=2))
    assert names(removed) == ["t3"] and in_use == []
    assert [one.folder.path.exists() for one in trainings] == [True, True, False]


@pytest.mark.parametrize(
    ("max_bytes", "gone"),
    [(600, []), (599, ["t3"]), (300, ["t3"]), (299, ["t3", "t2"]), (99, ["t3", "t2", "t1"])],
)
def test_the_oldest_go_until_the_store_is_small_enough(
    max_bytes: int, gone: list[str], trainings: list[StoredTraining]
) -> None:
    assert names(prune(trainings, max_bytes=max_bytes)[0]) == gone
    assert [one.folder.path.name for one in trainings if not one.folder.path.exists()] == gone[::-1]


def test_both_rules_together_and_none_at_all(trainings: list[StoredTraining]) -> None:
    assert prune(trainings) == ([], [])
    removed, _ = prune(trainings, older_than=NOW - timedelta(days=2), max_bytes=250, dry_run=True)
    # t3 for its age; the 300 bytes that are left are still too many.
    assert names(removed) == ["t3", "t2"]
    assert all(one.folder.path.exists() for one in trainings)


def test_a_training_under_way_stays_and_its_bytes_count_on(trainings: list[StoredTraining]) -> None:
    with trainings[2].folder.locked():
        removed, in_use = prune(trainings, max_bytes=350)
    # Its 300 bytes and 50 more may stay.
    assert (names(removed), names(in_use)) == (["t2", "t1"], ["t3"])


def test_a_training_lies_below_the_store_under_its_identity() -> None:
    config = parsed("paths.store=somewhere", "paths.locks=false")
    folder = training_folder(config, "0123")
    assert (folder.path, folder.locks) == (Path("somewhere/0123"), False)
