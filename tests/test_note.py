import json
from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.note import main
from musicgen.records.findings import read_findings
from tests.records.made_runs import made_run, written
from tests.tracking.test_comet import read_archive


@pytest.fixture
def run_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return written(made_run("sweep/arm/seed=0", run_id="abc"), tmp_path)


def test_a_note_is_a_line_of_the_log(run_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--musicality", "4", "--emotion-and-style", "2", "--author", "Anna"]
    effect = ["--effect", "model.cell,validity/tune_rate,raises"]
    assert main([str(run_directory), "It answers itself. <b>", *arguments, *effect]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert main([str(run_directory), "Again"]) == 0
    first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert first == {
        "date": first["date"],
        "run_id": "abc",
        "training_id": "sweep/arm/seed=0",
        "directory": str(run_directory),
        "text": "It answers itself. <b>",
        "ratings": {"musicality": 4, "emotion_and_style": 2},
        "effect": {"parameter": "model.cell", "metric": "validity/tune_rate", "direction": "raises"},
        "author": "Anna",
    }
    assert second["effect"] is None and second["ratings"] == {} and second["author"] is None
    assert [finding.text for finding in read_findings([path])] == ["It answers itself. <b>", "Again"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["heard", "--musicality", "6"], "musicality=6: a whole number from 1 to 5 is needed"),
        (["  "], "the finding is empty"),
        (["heard", "--effect", "model.cell,tune_rate"], "effect 'model.cell,tune_rate': PARAMETER,METRIC"),
        (["heard", "--effect", "a,b,changes"], "effect 'a,b,changes'"),
    ],
)
def test_a_wrong_argument_adds_no_finding(
    arguments: list[str], complaint: str, run_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run_directory), *arguments]) == 1
    assert capsys.readouterr().err.startswith(f"musicgen: {complaint}")
    assert not list(run_directory.rglob("findings.jsonl"))
    assert main([str(run_directory.parent), "heard"]) == 1
    assert "is not a run directory" in capsys.readouterr().err


def test_comet_gets_the_note_with_its_run(run_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made_run("sweep/arm/seed=0", run_id="abc")
    run.record.config = compose_config(["tracker.mode=offline"]).as_dict()
    key = "df17788691504857ac52e2ddc0f2ae8d"
    run.record.tracker = {"comet": {"archive": f"comet/{key}.zip"}}
    run.record.write(run_directory)
    assert main([str(run_directory), "It answers itself", "--musicality", "4"]) == 0
    line, _ = capsys.readouterr().out.splitlines()
    here = str(run_directory)
    assert line == f"comet:   kept in {here} (tracker.mode=offline); to send it: musicgen upload {here}"
    (archive,) = (run_directory / "comet").glob("*.zip")
    experiment, messages, files = read_archive(archive)
    assert experiment["offline_id"] == key and experiment["resume_strategy"] == "get"
    assert "finding/musicality" in json.dumps(messages)
    assert b"It answers itself" in files.values()


def test_a_study_name_cannot_leave_experiments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "a" / "b"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    for name in ("../../stolen", "/tmp/stolen", "..", ".hidden", "a\\b", "a\nb", "x" * 101, ""):
        directory = written(made_run("run", study={"name": name}), here)
        assert main([str(directory), "text"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "run.json: is not the record of a run: config.study" in line
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and not (here / "experiments").exists()
