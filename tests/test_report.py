from pathlib import Path

import pytest

from musicgen.report import main
from tests.reporting.written_study import GOOD, write_run
from tests.study.made_runs import LOSS, made_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(made_run("run", metrics={LOSS: 1.5}), tmp_path / "runs", [(GOOD, {})])
    return tmp_path / "runs"


def test_a_report_goes_into_the_folder_of_its_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(runs), "--pack"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(runs / "report" / "best-songs.zip"),
        str(runs / "report" / "report.html"),
    ]
    assert {path.name for path in (runs / "report").iterdir()} >= {
        "report.html",
        "report.md",
        "songs",
        "runs.csv",
    }
    assert main([str(runs / "run" / "run.json"), "--single-file"]) == 0
    assert (runs / "run" / "report.html").is_file()


def test_several_paths_need_a_place_of_their_own(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["runs", "runs/run", "--best", "0", "--pairs", "0"]) == 0
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "python -m musicgen.report runs runs/run<" in page and str(tmp_path) not in page
    assert main(["runs", "--out", "elsewhere", "--best", "0"]) == 0
    assert (tmp_path / "elsewhere" / "report.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere"], "nowhere: no such folder; a run or sweep directory is needed"),
        (["runs", "--best", "-1"], "--best -1: a number from 0 on is needed"),
        (["."], ".: no run here, no run.json in this folder or below"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    assert capsys.readouterr().err == f"musicgen: {line}\n"
