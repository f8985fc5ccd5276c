import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.report import main
from musicgen.system.web_server import ADDRESS
from tests.http_client import Client
from tests.processes import MAX_WAIT_SECONDS
from tests.records.made_runs import LOSS, made_run
from tests.reporting.written_study import GOOD, write_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(made_run("run", metrics={LOSS: 1.5}), tmp_path / "runs", [(GOOD, {})])
    return tmp_path / "runs"


def test_the_report_goes_into_the_folder_of_its_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(runs), "--pack"]) == 0
    written = [str(runs / "report" / name) for name in ("best-songs.zip", "report.html")]
    assert capsys.readouterr().out.splitlines() == written
    names = {path.name for path in (runs / "report").iterdir()}
    assert names >= {"report.html", "report.md", "songs", "runs.csv"}
    assert main([str(runs / "run" / "run.json"), "--single-file"]) == 0
    assert (runs / "run" / "report.html").is_file()


def test_several_paths_are_reported_in_the_working_directory(
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
        (["nowhere"], "nowhere: "),
        (["runs", "--best", "-1"], "--best -1: must be at least 0"),
        (["."], ".: no run here"),
        (["runs", "--serve", "--single-file"], "--serve needs a report folder"),
        (["runs", "--port", "0"], "--port 0: only --serve has a port"),
        (["runs", "--serve", "--port", "65536"], "--port 65536: "),
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
    error = capsys.readouterr().err
    assert error.startswith(f"musicgen: {line}") and error.count("\n") == 1


def test_a_forbidden_folder_is_refused_before_any_work(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(runs), "--keep", str(runs / "kept")]) == 1
    assert capsys.readouterr().err.startswith(f"musicgen: --keep {runs / 'kept'}: is inside the runs")
    assert [path.name for path in runs.iterdir()] == ["run"]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "exit_status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_served_report_saves_its_findings_when_it_ends(
    number: signal.Signals, exit_status: int, runs: Path
) -> None:
    run = runs / "run" / "run.json"
    record = json.loads(run.read_text(encoding="utf-8"))
    record["tracker"] = {"comet": {"archive": "comet/df17788691504857ac52e2ddc0f2ae8d.zip"}}
    record["config"]["tracker"] = compose_config(["tracker=offline"]).as_dict()["tracker"]
    run.write_text(json.dumps(record), encoding="utf-8")
    command = [sys.executable, "-m", "musicgen.report", str(runs), "--serve", "--port", "0", "--best", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Ctrl-C stops the server")
            found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", process.stdout.readline())
            assert found is not None
            page = Client(int(found[1]))
            page.token = re.findall(r'name="token" content="([^"]+)"', page.ask("GET", "/")[2].decode())[0]
            status, answer = page.post("finding", {"run_id": "run", "text": "lively"})
            assert status == 200 and answer["log"] == "findings.jsonl"
            process.send_signal(number)
            rest = process.communicate(timeout=MAX_WAIT_SECONDS)[0]
        finally:
            process.kill()
    assert process.returncode == exit_status
    assert exit_status != 0 or rest.splitlines()[-1] == str(runs / "report" / "report.html")
    assert ">lively</p>" in (runs / "report" / "report.html").read_text(encoding="utf-8")
    assert "lively" in (runs / "report" / "report.md").read_text(encoding="utf-8")
    assert len(list((runs / "run" / "comet").glob("*.zip"))) == 1


def test_a_taken_port_is_one_line(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((ADDRESS, 0)) as taken:
        port = taken.getsockname()[1]
        assert main([str(runs), "--serve", "--port", str(port), "--best", "0"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"musicgen: --port {port}: ") and error.count("\n") == 1
