"""The report's server: what it serves, what it refuses, and the findings it saves."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from musicgen.records.findings import read_findings
from musicgen.reporting.report import ReportOptions
from musicgen.reporting.report_files import write_folder
from musicgen.reporting.server import ReportServer
from musicgen.reporting.study_data import read_study
from musicgen.system.web_server import TOKEN_HEADER
from tests.http_client import FOREIGN_HEADERS, Client, running
from tests.records.made_runs import LOSS, RATE
from tests.reporting.written_study import write_study

GRU = "10" * 8
"""The run of the GRU with the first seed."""
FINDING = {
    "run_id": GRU,
    "text": "It <b>answers</b> itself",
    "ratings": {"musicality": 4, "emotion_and_style": 2},
    "effect": {"parameter": "model.cell", "metric": LOSS, "direction": "lowers"},
    "author": "Ann",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose findings go into its own directory."""
    root = tmp_path_factory.mktemp("served") / "study"
    # Without a name, the findings log is in the sweep's directory.
    write_study(root, name=None)
    (root / "plan.csv").touch()
    return root


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ReportServer]:
    written = write_folder(read_study([folder]), folder / "report", ReportOptions(pairs=1, best=1))
    (folder / "report/secret.txt").write_text("secret")
    (folder / "report/songs/secret.mp3").write_text("secret")
    with running(ReportServer(written.report, folder / "report", 0)) as started:
        yield started


@pytest.fixture
def client(server: ReportServer) -> Client:
    return Client(server.server_port, server.token)


@pytest.fixture
def log(folder: Path) -> Iterator[Path]:
    """The findings log, removed before and after every test."""
    path = folder / "findings.jsonl"
    path.unlink(missing_ok=True)
    yield path
    path.unlink(missing_ok=True)


def test_the_page_and_its_files_are_served(client: Client, server: ReportServer) -> None:
    status, headers, page = client.ask("GET", "/")
    assert status == 200 and server.token.encode() in page and b'id="finding-form"' in page
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy and "http" not in policy
    kinds = {".mp3": "audio/mpeg", ".svg": "image/svg+xml", ".csv": "text/csv; charset=utf-8"}
    for path, file in server._files.items():
        status, headers, content = client.ask("GET", path)
        assert status == 200 and content == file.read_bytes() and headers["cache-control"] == "no-store"
        assert headers["content-type"] == kinds.get(file.suffix, headers["content-type"])
    sound = next(path for path in server._files if path.endswith(".mp3"))
    assert client.ask("GET", sound, Range="bytes=10-19")[0] == 206


@pytest.mark.parametrize(
    "path",
    [
        "/secret.txt",
        "/songs/secret.mp3",
        "/songs/",
        "/../runs.csv",
        "/songs/../../plan.csv",
        "/songs/..%2f..%2fplan.csv",
        "/%2e%2e/plan.csv",
        "//etc/passwd",
        "/etc/passwd",
        "/api/finding",
        "/findings.jsonl",
    ],
)
def test_no_other_path_is_served(client: Client, path: str) -> None:
    status, _, content = client.ask("GET", path)
    assert status == 404 and set(json.loads(content)) == {"error"}


@pytest.mark.parametrize(
    "headers", [*FOREIGN_HEADERS, {TOKEN_HEADER: None}, {TOKEN_HEADER: "guess"}], ids=str
)
def test_forged_findings_are_refused(client: Client, log: Path, headers: dict[str, str | None]) -> None:
    status, answer = client.post("finding", FINDING, **headers)
    assert status == 403 and set(answer) == {"error"} and not log.exists()
    if TOKEN_HEADER not in headers:
        assert client.ask("GET", "/", None, **headers)[0] == 403


@pytest.mark.parametrize(
    ("change", "status", "line"),
    [
        ({"run_id": "ff" * 8}, 404, "This report has no such run."),
        ({"run_id": ["10"]}, 404, "This report has no such run."),
        ({"run_id": "../../etc"}, 404, "This report has no such run."),
        ({"text": " \n "}, 400, "the finding is empty"),
        ({"text": 7}, 400, "a finding needs a text"),
        ({"text": "half a pair \ud800"}, 400, "the finding contains invalid UTF-8"),
        ({"author": ["Ann"]}, 400, "a finding needs a text"),
        ({"ratings": {"musicality": 6}}, 400, "musicality=6: "),
        ({"ratings": {"musicality": "4"}}, 400, "musicality=4: "),
        ({"ratings": {"musicality": True}}, 400, "musicality=True: "),
        ({"ratings": {"loudness": 4}}, 400, "criterion loudness: "),
        ({"ratings": [4]}, 400, "ratings are criteria with one point each"),
        ({"effect": "model.cell"}, 400, "an effect has a parameter, a metric and a direction"),
        ({"effect": {"parameter": "model.cell"}}, 400, "an effect needs one of this study's parameters"),
        (
            {"effect": {"parameter": "a.b", "metric": LOSS, "direction": "raises"}},
            400,
            "an effect needs one of this study's parameters",
        ),
        (
            {"effect": {"parameter": "model.cell", "metric": RATE, "direction": "turns"}},
            400,
            f"effect 'model.cell,{RATE},turns'",
        ),
    ],
)
def test_a_bad_finding_is_one_line_and_is_not_saved(
    client: Client, log: Path, change: dict[str, object], status: int, line: str
) -> None:
    answered, answer = client.post("finding", FINDING | change)
    assert answered == status and set(answer) == {"error"}
    assert answer["error"].startswith(line) and "\n" not in answer["error"]
    assert not log.exists()


def test_a_finding_reaches_the_log_the_page_and_the_next_report(
    client: Client, server: ReportServer, folder: Path, log: Path, tmp_path: Path
) -> None:
    before = len(server.added)
    status, answer = client.post("finding", FINDING)
    assert status == 200 and answer["count"] == "1 finding" and answer["number"] == 1
    assert "It &lt;b&gt;answers&lt;/b&gt; itself" in answer["item"] and "<b>" not in answer["item"]
    (finding,) = read_findings([log])
    assert (finding.run_id, finding.text, finding.author) == (GRU, FINDING["text"], "Ann")
    assert finding.ratings == FINDING["ratings"] and finding.effect is not None
    assert (finding.effect.metric, finding.effect.direction) == (LOSS, "lowers")
    assert [added.text for _, added in server.added[before:]] == [FINDING["text"]]
    page = client.ask("GET", "/")[2].decode()
    assert answer["item"] in page and str(folder.parent) not in page
    write_folder(read_study([folder]), tmp_path, ReportOptions(pairs=0, best=0))
    later = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert answer["item"] in later and "token" not in later and "/api/finding" not in later
    words = "answers\\</b\\> itself; Musicality 4; Emotion and style 2; cites: model.cell lowers"
    assert words in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_concurrent_findings_are_all_saved(client: Client, log: Path) -> None:
    def write(name: str) -> None:
        for number in range(5):
            assert client.post("finding", FINDING | {"text": f"{name} {number}"})[0] == 200

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {finding.text for finding in read_findings([log])} == {
        f"{name} {number}" for name in "ab" for number in range(5)
    }


def test_a_replaced_run_gets_no_finding(client: Client, folder: Path, log: Path) -> None:
    path = folder / "model.cell=gru/seed=0/run.json"
    kept = path.with_suffix(".kept")
    shutil.copy(path, kept)
    try:
        path.write_text(path.read_text().replace(GRU, "ab" * 8))
        status, answer = client.post("finding", FINDING)
    finally:
        kept.replace(path)
    assert status == 400 and "now holds another run" in answer["error"] and not log.exists()


def test_an_unreadable_log_is_an_error(client: Client, log: Path) -> None:
    log.write_text("{\n")
    status, _, content = client.ask("GET", "/")
    assert status == 400 and "findings.jsonl:1: is not a finding" in json.loads(content)["error"]
