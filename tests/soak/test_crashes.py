"""The soak of crashes with a few disturbances of each kind."""

from pathlib import Path

import pytest

from tests.soak import crashes
from tests.soak.disks import CannotMountError, mounted
from tests.soak.whole import damaged


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crashes")


def disturb(folder: Path, *arguments: str) -> int:
    return crashes.main(["--folder", str(folder), "--seed", "1", *arguments])


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_result(folder: Path) -> None:
    assert disturb(folder, "--commands", "train", "--kinds", "kills", "--number", "2") == 0


@pytest.mark.slow
def test_a_run_recovers_from_a_full_disk(folder: Path) -> None:
    try:
        with mounted(folder / "try"):
            pass
    except CannotMountError as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    assert disturb(folder, "--commands", "train", "--kinds", "full", "--number", "1") == 0


def test_a_half_written_file_is_detected(tmp_path: Path) -> None:
    whole = {
        "run.json": "{}\n",
        "history.csv": "a,b\n1,2\n",
        "findings.jsonl": '{"a": 1}\n',
        "page.html": "</html>\n",
    }
    for name, text in whole.items():
        (tmp_path / name).write_text(text)
    assert damaged(tmp_path) == []
    for name, text in whole.items():
        (tmp_path / name).write_text(text[:-2])
    assert [line.partition(":")[0] for line in damaged(tmp_path)] == sorted(whole)
