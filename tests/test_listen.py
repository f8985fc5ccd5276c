import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from musicgen.listen import main
from musicgen.listening.database import Database
from musicgen.records.criteria import CRITERIA
from musicgen.records.ratings import read_ratings
from musicgen.run.additions import track_ratings
from musicgen.system.web_server import TOKEN_HEADER
from tests.listening.made_session import BASELINE, CHANGED, begin, rate_all, write_study
from tests.processes import MAX_WAIT_SECONDS
from tests.tracking.test_comet import read_archive

POINTS = {BASELINE: 2, CHANGED: 4, "corpus": 5, "shuffled": 1}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return write_study(tmp_path)


class Page:
    """The requests of the page, without a browser."""

    def __init__(self, url: str) -> None:
        self._url = url
        with urllib.request.urlopen(url, timeout=MAX_WAIT_SECONDS) as answer:
            self._token = re.findall(r'name="token" content="([^"]+)"', answer.read().decode())[0]

    def post(self, path: str, content: dict[str, object]) -> dict:
        request = urllib.request.Request(
            f"{self._url}api/{path}",
            json.dumps(content).encode(),
            {"Content-Type": "application/json", TOKEN_HEADER: self._token},
        )
        with urllib.request.urlopen(request, timeout=MAX_WAIT_SECONDS) as answer:
            return json.load(answer)


@contextmanager
def serving(sweep: Path) -> Iterator[tuple[subprocess.Popen[str], Page]]:
    command = [sys.executable, "-m", "musicgen.listen", str(sweep), "--num-tunes", "8", "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        try:
            lines: list[str] = []
            while not (lines and lines[-1].startswith("http://127.0.0.1:")):
                lines.append(process.stdout.readline())
                assert lines[-1], "".join(lines)
            yield process, Page(lines[-1].strip())
        finally:
            process.kill()


@pytest.mark.slow
def test_a_killed_session_is_resumed_with_its_answers(sweep: Path) -> None:
    with serving(sweep) as (process, page):
        who = page.post("enter", {"name": "Anna"})["listener"]
        trials = page.post("session", {"listener": who})["trials"]
        for number, trial in enumerate(trials[:3]):
            answer = {"listener": who, "trial": trial["id"], "question": "musicality", "value": 2 + number}
            assert page.post("answer", answer) == {"saved": True}
        process.send_signal(signal.SIGKILL)
    with serving(sweep) as (process, page):
        assert page.post("enter", {"name": "Anna"})["listener"] == who
        again = page.post("session", {"listener": who})["trials"]
        assert [trial["answers"] for trial in again[:4]] == [{"musicality": point} for point in (2, 3, 4)] + [
            {}
        ]
        assert [trial["id"] for trial in again] == [trial["id"] for trial in trials]
        for trial in again:
            for criterion in CRITERIA:
                page.post(
                    "answer", {"listener": who, "trial": trial["id"], "question": criterion, "value": 3}
                )
        page.post("end", {"listener": who})
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=MAX_WAIT_SECONDS)
    assert process.returncode == 143, output
    assert "one listener, Anna" in output and f"\n{sweep}\n" in output
    assert len(read_ratings(sweep / "ratings.csv")) == len(trials) * 4


def test_results_are_printed_without_a_server(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(sweep), "--results"]) == 1
    assert "the session has not been started yet" in capsys.readouterr().err
    database = begin(sweep).database
    assert main([str(sweep), "--results"]) == 0
    assert "not rated" in capsys.readouterr().out
    rate_all(database, "Anna", POINTS)
    rate_all(database, "Ben", POINTS)
    assert main([str(sweep), "--results"]) == 0
    out = capsys.readouterr().out
    assert "listeners: Anna, Ben" in out and re.search(r"model.cell=gru +musicality +4.00", out)
    assert "Anna: 16 of 16 repeated ratings identical" in out and "+4.0 above shuffled notes" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--num-tunes", "0"], "--num-tunes 0: must be at least 1"),
        (["--num-anchors", "-1"], "--num-anchors -1: must be at least 0"),
        (["--seed", "-1"], "--seed -1"),
        (["--criteria", "beauty"], "criterion beauty: "),
        (["--baseline", "model.cell=rnn"], "--baseline model.cell=rnn: "),
        (["--port", "99999", "--num-tunes", "2"], "--port 99999"),
    ],
)
def test_a_wrong_argument_is_one_line_and_starts_no_session(
    arguments: list[str], complaint: str, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(sweep), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"musicgen: {complaint}") and error.count("\n") == 1


def test_a_session_keeps_its_settings(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin(sweep)
    assert main([str(sweep), "--results", "--num-tunes", "8"]) == 0
    assert main([str(sweep), "--results", "--num-tunes", "12"]) == 1
    assert "--num-tunes: the session in" in capsys.readouterr().err


def test_comet_gets_the_tables(sweep: Path, tmp_path: Path) -> None:
    from musicgen.config import compose_config
    from musicgen.records.runs import find_runs

    listening = begin(sweep)
    rate_all(listening.database, "Anna", POINTS)
    results = listening.results()
    run = find_runs([sweep])[0]
    run.record.config = compose_config(["tracker.mode=offline"]).as_dict()
    track_ratings(run, sweep, results.means, results.written)
    (archive,) = (sweep / "comet").glob("*.zip")
    _, messages, files = read_archive(archive)
    assert "listening/model.cell=gru/musicality" in json.dumps(messages)
    assert {path.read_bytes() for path in results.written} <= set(files.values())
    track_ratings(run, tmp_path / "sweep", results.means, results.written)
    first, second = sorted((sweep / "comet").glob("*.zip"), key=lambda path: len(path.name))
    experiment = read_archive(second)[0]
    assert experiment["offline_id"] == first.stem and experiment["resume_strategy"] == "get"
    assert Database(listening.database.path).answers()
