import os
import time
from pathlib import Path

import pytest

from musicgen.store import main
from musicgen.training.folder import TrainingFolder
from tests.system.test_locks import without_locks

DAY = 24 * 3600


def identity(number: int) -> str:
    """The name of a training, as hexadecimal digits."""
    return f"{number:016x}"


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Three trainings of a megabyte each, last used 0, 10 and 20 days ago."""
    for number in range(3):
        folder = TrainingFolder(tmp_path / "store" / identity(number))
        with folder.locked():
            folder.end(300).write_bytes(bytes(1_000_000))
        for path in folder.path.iterdir():
            then = time.time() - 10 * DAY * number
            os.utime(path, (then, then))
    return tmp_path


def names(outputs: Path) -> list[str]:
    return sorted(path.name for path in (outputs / "store").iterdir())


def test_the_list_shows_trainings_by_last_use(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    TrainingFolder(outputs / "store" / identity(2)).describe(
        {
            "corpus": "oneills",
            "cell": "gru",
            "num_layers": 2,
            "hidden_size": 256,
            "learning_rate": 0.01,
            "seed": 7,
        }
    )
    assert main(["--outputs", str(outputs), "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == [
        identity(2),
        identity(0),
        identity(1),
    ]
    assert "oneills, gru 2 × 256, learning rate 0.01, seed 7" in lines[1] and " 300 " in lines[1]
    assert lines[-1] == "3 trainings, 3.0 MB"


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--older-than", "15"], [0, 1]),
        (["--older-than", "5"], [0]),
        (["--larger-than", "0.0021"], [0, 1]),
        (["--larger-than", "0"], []),
        (["--older-than", "15", "--larger-than", "0.0011"], [0]),
        (["--older-than", "0", "--dry-run"], [0, 1, 2]),
    ],
)
def test_the_oldest_trainings_are_removed_first(options: list[str], left: list[int], outputs: Path) -> None:
    assert main(["--outputs", str(outputs), "prune", *options]) == 0
    assert names(outputs) == [identity(number) for number in left]


def test_a_training_in_progress_stays(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingFolder(outputs / "store" / identity(2)).locked():
        assert main(["--outputs", str(outputs), "prune", "--larger-than", "0"]) == 0
    assert names(outputs) == [identity(2)]
    assert f"kept {identity(2)}: a process is training it" in capsys.readouterr().out


def test_a_store_in_another_place_without_locks(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_locks(monkeypatch)
    options = ["--store", str(outputs / "store"), "prune", "--older-than", "5"]
    assert main(options) == 1
    assert "has no locks" in capsys.readouterr().err and len(names(outputs)) == 3
    assert main([*options, "--no-locks"]) == 0
    assert names(outputs) == [identity(0)]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--outputs", "nowhere", "list"], "nowhere/store: no such store"),
        (["prune"], "prune needs --older-than DAYS or --larger-than GB"),
        (["prune", "--older-than", "-1"], "--older-than -1: allowed are numbers from 0"),
        (["prune", "--larger-than", "nan"], "--larger-than nan: allowed"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], complaint: str, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = [] if arguments[0] == "--outputs" else ["--outputs", str(outputs)]
    assert main([*prefix, *arguments]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("musicgen: ") and errors.count("\n") == 1 and complaint in errors
    assert len(names(outputs)) == 3


def test_a_training_with_a_damaged_description_is_listed(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = {"corpus": "[/x]\x1b[2J", "cell": [], "num_layers": 1, "hidden_size": 2, "seed": 0}
    TrainingFolder(outputs / "store" / identity(0)).describe(about | {"learning_rate": "high"})
    TrainingFolder(outputs / "store" / identity(1)).describe(about | {"learning_rate": 0.5})
    assert main(["--outputs", str(outputs), "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = {line.split()[0]: line for line in lines[1:4]}
    assert "about.json is damaged" in said[identity(0)]
    assert "[/x]\\x1b[2J, [] 1 × 2" in said[identity(1)]
