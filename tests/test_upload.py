import json
from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.records.record import RunRecord
from musicgen.run.uploads import LOG_NAME, upload_in_background
from musicgen.upload import main
from tests.processes import MAX_WAIT_SECONDS
from tests.records.made_runs import made_run
from tests.soak.comet_server import comet_server
from tests.tracking.test_comet import CONFIG
from tests.tracking.test_outbox import write_archive

AUTO = replace(CONFIG, mode="upload", upload_timeout_seconds=200.0)


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    """A run with two unsent archives: its own and that of a note."""
    directory = tmp_path / "run"
    archive = write_archive(directory, "first")
    write_archive(directory, "note", continues=archive.stem)
    record = made_run("run").record
    record.tracker = {"comet": {"archive": f"comet/{archive.name}"}}
    record.write(directory)
    return directory


@pytest.mark.slow
def test_the_same_command_sends_what_failed_before(
    run_directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with comet_server("status 401") as server:
        server.give_to(monkeypatch)
        assert main([str(run_directory.parent)]) == 1
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2 and lines[0].startswith("not sent: ") and "refuses the key" in lines[0]
        assert lines[1] == "0 sent, 0 sent before, 1 not sent, 1 not tried"
        assert "refuses the key" in str((RunRecord.read(run_directory).comet or {})["error"])
        server.fault = "none"
        assert main([str(run_directory)]) == 0
        assert capsys.readouterr().out.splitlines()[-1].startswith("2 sent, 0 sent before")
        comet = RunRecord.read(run_directory).comet or {}
        assert set(comet) == {"archive", "url"} and "/work/project/" in str(comet["url"])
        assert main([str(run_directory)]) == 0
        assert capsys.readouterr().out == "0 sent, 2 sent before, 0 not sent, 0 not tried\n"
    monkeypatch.delenv("COMET_API_KEY")
    assert main([str(run_directory)]) == 0


@pytest.mark.slow
def test_a_background_upload_does_not_block(run_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with comet_server("hangs") as server:
        for name, value in (server.environment | {"COMET_TIMEOUT_HTTP": "2"}).items():
            monkeypatch.setenv(name, value)
        process = upload_in_background(run_directory, AUTO)
        assert process is not None and process.poll() is None
        server.fault = "none"
        try:
            # Comet gives up a hanging request after its time limit and tries again.
            assert process.wait(MAX_WAIT_SECONDS) == 0
        finally:
            process.kill()
    output = (run_directory / LOG_NAME).read_text(encoding="utf-8")
    assert output.endswith("2 sent, 0 sent before, 0 not sent, 0 not tried\n")
    assert "url" in (RunRecord.read(run_directory).comet or {})


def test_nothing_is_started_offline_or_without_a_key(
    run_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upload_in_background(run_directory, AUTO) is None
    monkeypatch.setenv("COMET_API_KEY", "k" * 25)
    assert upload_in_background(run_directory, replace(AUTO, mode="offline")) is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["run"], "Comet has no key: set COMET_API_KEY, or run `comet login`"),
        (["run", "--timeout", "0"], "--timeout 0: must be above 0"),
        (["empty"], "no Comet archive"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], complaint: str, run_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_directory.parent / "empty").mkdir()
    assert main([str(run_directory.parent / arguments[0]), *arguments[1:]]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("musicgen: ") and errors.count("\n") == 1 and complaint in errors
    assert not list(run_directory.parent.rglob("uploads.json"))


def test_an_unreadable_record_is_reported(
    run_directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (archive,) = (path for path in (run_directory / "comet").glob("*.zip") if "-" not in path.stem)
    entry = {archive.name: {"url": "https://a.b", "sent_at": "2026-01-01T00:00:00+00:00"}}
    (run_directory / "comet" / "uploads.json").write_text(json.dumps(entry), encoding="utf-8")
    next(path for path in (run_directory / "comet").glob("*-*.zip")).unlink()
    (run_directory / "run.json").write_text("{", encoding="utf-8")
    assert main([str(run_directory)]) == 1
    assert "run.json: cannot be read" in capsys.readouterr().err
