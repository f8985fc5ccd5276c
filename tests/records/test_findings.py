import json
import threading
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.records.findings import add_finding, findings_of, findings_path, read_findings
from musicgen.records.runs import find_runs
from tests.records.made_runs import made_run, written


def test_a_log_is_next_to_its_run_sweep_or_study(tmp_path: Path) -> None:
    alone = made_run(tmp_path / "runs/day/run")
    assert findings_path(alone) == tmp_path / "runs/day/run/findings.jsonl"
    (tmp_path / "sweep/arm/seed=0").mkdir(parents=True)
    (tmp_path / "sweep/multirun.yaml").touch()
    assert findings_path(made_run(tmp_path / "sweep/arm/seed=0")) == tmp_path / "sweep/findings.jsonl"
    declared = made_run(tmp_path / "sweep/arm/seed=0", study={"name": "tour"})
    assert findings_path(declared) == Path("experiments/tour/findings.jsonl")


def test_concurrent_writers_and_half_a_line_lose_nothing(tmp_path: Path) -> None:
    directory = written(made_run("run"), tmp_path)
    log = directory / "findings.jsonl"

    def write(number: int) -> None:
        for time_ in range(5):
            add_finding(directory, f"{number} {time_} " + "long " * 500)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({finding.text for finding in read_findings([log])}) == 20
    with log.open("a") as file:
        file.write('{"date": "2026')
    add_finding(directory, "after the power failure")
    assert json.loads(log.read_text().splitlines()[-1])["text"] == "after the power failure"
    with pytest.raises(InputError, match=r"findings.jsonl:21: is not a finding"):
        read_findings([log])


def test_logs_are_read_from_files_and_folders_oldest_first(tmp_path: Path) -> None:
    for name in ("b", "a"):
        add_finding(written(made_run(name), tmp_path), name)
    log = tmp_path / "a/findings.jsonl"
    assert [finding.text for finding in read_findings([tmp_path, log])] == ["b", "a"]
    assert read_findings([tmp_path / "nothing"]) == []
    assert [finding.text for finding in findings_of(find_runs([tmp_path / "a"]))] == ["a"]


def test_findings_come_from_several_logs_each_once(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    directory = written(made_run("sweep/arm/seed=0", run_id="own"), tmp_path)
    (sweep / "plan.csv").touch()
    other = written(made_run("elsewhere", run_id="other"), tmp_path)
    for place, text in ((directory, "of the sweep"), (other, "of another run")):
        add_finding(place, text)
    line = (sweep / "findings.jsonl").read_text()
    (directory / "findings.jsonl").write_text(line)
    (tmp_path / "report").mkdir()
    older = json.loads(line) | {"text": "older", "date": "2026-01-01T00:00:00+00:00"}
    (tmp_path / "report/findings.jsonl").write_text(json.dumps(older) + "\n" + line)
    runs = find_runs([sweep])
    assert [finding.text for finding in findings_of(runs)] == ["of the sweep"]
    assert [finding.text for finding in findings_of(runs, tmp_path / "report")] == ["older", "of the sweep"]


def test_any_character_stays_in_its_line(tmp_path: Path) -> None:
    directory = written(made_run("run"), tmp_path)
    text = "one\u2028two\x85three\x0bfour\r\nfive\x1c <b>"
    add_finding(directory, text)
    add_finding(directory, "next")
    assert [finding.text for finding in read_findings([directory])] == [text, "next"]
    with pytest.raises(InputError, match="contains invalid UTF-8"):
        add_finding(directory, "half a pair \ud800")
    assert len(read_findings([directory])) == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("{", "Invalid JSON"),
        ("[]", "Input should be"),
        ({"run_id": 7}, "run_id: Input should be a valid string"),
        ({"ratings": ["lively"]}, "ratings: Input should be"),
        ({"ratings": {"musicality": "4"}}, "ratings.musicality: Input should be a valid integer"),
        ({"effect": {"parameter": "a"}}, "effect.metric: Field required"),
        ({"date": "yesterday"}, "date: Invalid isoformat string"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, change: object, problem: str) -> None:
    directory = written(made_run("run"), tmp_path)
    add_finding(directory, "heard")
    log = directory / "findings.jsonl"
    line = change if isinstance(change, str) else json.dumps(json.loads(log.read_text()) | dict(change))  # pyright: ignore[reportCallIssue, reportArgumentType]
    with log.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=rf"findings\.jsonl:2: is not a finding: {problem}"):
        read_findings([log])
