import json
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.reporting.observations import read_findings, read_listening, read_ratings

FINDING = {
    "date": "2026-11-24T10:00:00",
    "run_id": "a",
    "training_id": "b",
    "directory": "x",
    "text": "lively",
    "ratings": {"musicality": 4},
    "effect": None,
    "author": None,
}


def write(folder: Path, *findings: object) -> None:
    folder.mkdir(exist_ok=True)
    text = "".join(json.dumps(finding) + "\n" for finding in findings)
    (folder / "findings.jsonl").write_text(text, encoding="utf-8")


def test_findings_of_these_runs_come_in_order_and_once(tmp_path: Path) -> None:
    earlier = FINDING | {"date": "2026-11-23", "text": "dull", "author": "Ann"}
    write(tmp_path / "one", FINDING, earlier, FINDING | {"run_id": "other"})
    write(tmp_path / "two", FINDING)
    folders = [tmp_path / "one", tmp_path / "two", tmp_path / "one", tmp_path / "none"]
    found = read_findings(folders, {"a"})
    assert [(finding.text, finding.author) for finding in found] == [("dull", "Ann"), ("lively", None)]
    assert found[1].ratings == {"musicality": 4}


@pytest.mark.parametrize("line", ["{", "[]", '{"date": "2026"}'])
def test_a_line_that_is_no_finding_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "findings.jsonl").write_text(json.dumps(FINDING) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"findings\.jsonl:2: is no finding"):
        read_findings([tmp_path], {"a"})


def test_ratings_are_means_over_listeners_and_criteria(tmp_path: Path) -> None:
    lines = [
        "listener,tune_id,run_id,arm,seed,index,criterion,rating",
        "Ann,t1,a,baseline,0,3,musicality,5",
        "Bob,t1,a,baseline,0,3,variety,2",
        "Bob,t2,,anchor,,,musicality,1",
        "Bob,t3,a,baseline,0,4,musicality,",
    ]
    (tmp_path / "ratings.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert read_ratings(tmp_path) == {("a", 3): 3.5}


def test_nothing_rated_is_nothing(tmp_path: Path) -> None:
    assert read_ratings(tmp_path) == {} and read_listening(tmp_path) == []
