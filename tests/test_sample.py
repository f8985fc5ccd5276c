"""Sampling more tunes from a trained run."""

import csv
from pathlib import Path

import pytest

from tests.commands import last_line, run, train


@pytest.fixture(scope="module")
def run_directory(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return last_line(train(corpus, tmp_path_factory.mktemp("outputs"), "rendering=none", "tracker=none"))


def test_prompts_and_temperatures_can_be_changed(run_directory: Path) -> None:
    done = run(
        "sample",
        *(str(run_directory), "--temperature", "0.5", "--prompt", r"M:4/4\nK:C\n", "--num-tunes", "3"),
        *("--render", "1"),
    )
    folder = last_line(done)
    assert folder.parent == run_directory / "samples"
    with (folder / "tunes.csv").open(newline="") as file:
        tunes = list(csv.DictReader(file))
    assert [(tune["prompt"], tune["temperature"]) for tune in tunes] == [("M:4/4\nK:C\n", "0.5")] * 3
    assert (folder / "tunes.abc").read_text().count("\nM:4/4\nK:C\n") == 3
    assert [path.name for path in (folder / "tunes").glob("*.abc")] == ["000.abc"]


def test_without_changes_the_tunes_are_the_same(run_directory: Path, tmp_path: Path) -> None:
    folder = last_line(run("sample", str(run_directory), "--out", str(tmp_path / "again")))
    assert (folder / "tunes.abc").read_text() == (run_directory / "tunes.abc").read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--prompt", "é"], "has the character 'é' at position 0"),
        (["--temperature", "-1"], "sampling.temperature"),
        (["--num-tunes", "0"], "sampling.num_tunes=0"),
    ],
)
def test_bad_input_is_one_line(run_directory: Path, arguments: list[str], line: str) -> None:
    done = run("sample", str(run_directory), *arguments)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert line in done.stderr


def test_other_folders_are_rejected(tmp_path: Path) -> None:
    done = run("sample", str(tmp_path))
    assert done.returncode == 1 and "is not a run directory" in done.stderr
