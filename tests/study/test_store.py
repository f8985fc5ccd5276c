import os
import time
from pathlib import Path

import pytest

from musicgen.study.store import keep_below, read_store
from musicgen.training.folder import TrainingFolder

HOUR = 3600.0


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Four trainings of a megabyte each, last used 0, 1, 2 and 3 hours ago."""
    for number in range(4):
        folder = TrainingFolder(tmp_path / f"training-{number}")
        with folder.locked():
            folder.end(300).write_bytes(bytes(1_000_000))
        then = time.time() - number * HOUR
        for path in folder.path.iterdir():
            os.utime(path, (then, then))
    return tmp_path


def names(store: Path) -> list[str]:
    return sorted(path.name for path in store.iterdir())


@pytest.mark.parametrize(("gigabytes", "number"), [(1.0, 4), (0.0031, 3), (0.0021, 2), (0.0011, 1), (0.0, 1)])
def test_what_was_used_longest_ago_goes_and_what_was_used_just_now_stays(
    gigabytes: float, number: int, store: Path
) -> None:
    keep_below(store, gigabytes)
    assert names(store) == [f"training-{each}" for each in range(number)]


def test_a_training_under_way_stays_and_others_go_for_it(store: Path) -> None:
    with TrainingFolder(store / "training-3").locked():
        then = time.time() - 9 * HOUR
        for path in (store / "training-3").iterdir():
            os.utime(path, (then, then))
        keep_below(store, 0.0021)
    assert names(store) == ["training-0", "training-3"]


def test_files_that_vanish_meanwhile_are_not_there(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    iterdir = Path.iterdir

    def vanishing(folder: Path) -> list[Path]:
        if folder.name == "training-1":
            raise FileNotFoundError(folder)
        return [*iterdir(folder), folder / "state-000100.pt"]

    monkeypatch.setattr(Path, "iterdir", vanishing)
    found = [training.folder.path.name for training in read_store(store)]
    assert found == ["training-0", "training-2", "training-3"]
