"""Missing runs, and findings that the effects do not support."""

import os
import time
from pathlib import Path

import pytest

from musicgen.effects.summary import missing_runs, summarise, unsupported, with_missing
from musicgen.records.findings import CitedEffect, add_finding
from musicgen.records.runs import PLAN as FILE_NAME
from musicgen.records.runs import find_runs, runs_table
from tests.records.made_runs import LOSS, made_study, written

LOWERS = CitedEffect("training.learning_rate", LOSS, "lowers")
HEAD = "directory,parameter,value,baseline_value,seed,num_iterations,run_id,training_id\n"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep of three planned runs, one of which is not there."""
    for run in made_study({0.005: [1.0], 0.01: [1.1]}):
        written(run, tmp_path)
    rows = [
        "learning_rate=0.005/seed=0,,,,0,300,a,b",
        "learning_rate=0.01/seed=0,training.learning_rate,0.01,0.005,0,300,c,d",
        "learning_rate=0.02/seed=0,training.learning_rate,0.02,0.005,0,300,e,f",
    ]
    (tmp_path / "sweep" / FILE_NAME).write_text(HEAD + "\n".join(rows) + "\n")
    return tmp_path / "sweep"


def test_a_planned_run_without_its_record_is_named(sweep: Path) -> None:
    runs = find_runs([sweep])
    (one,) = missing_runs(runs, sweep)
    assert str(one) == (
        "learning_rate=0.02, seed 0 missing: planned, but it left no run.json (learning_rate=0.02/seed=0)"
    )
    (sweep / "learning_rate=0.005" / "seed=0" / "run.json").unlink()
    named = [str(one).split(" missing")[0] for one in missing_runs(find_runs([sweep]), sweep)]
    assert named == ["baseline, seed 0", "learning_rate=0.02, seed 0"]


def test_a_missing_run_has_a_row_in_the_runs_table(sweep: Path) -> None:
    runs = find_runs([sweep])
    table = runs_table(runs, sweep)
    more = with_missing(table, missing_runs(runs, sweep))
    before, after = table.to_csv(index=False).splitlines(), more.to_csv(index=False).splitlines()
    assert after[:-1] == before
    assert after[-1].startswith(
        "learning_rate=0.02/seed=0,missing,training.learning_rate,0.02,0.005,,0,e,f,,"
    )
    assert with_missing(table, []) is table


def test_a_plan_cannot_name_folders_outside_its_sweep(sweep: Path) -> None:
    with (sweep / FILE_NAME).open("a") as plan:
        plan.write("../elsewhere/seed=0,,,,0,300,a,b\n/etc,,,,0,300,a,b\n,,,,0,300,a,b\n")
    assert len(missing_runs(find_runs([sweep]), sweep)) == 1


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """A learning rate of 0.001 lowers the loss, 0.01 does nothing that three seeds could see."""
    levels = {0.005: [1.7, 1.8, 1.9], 0.001: [1.5, 1.6, 1.7001], 0.01: [1.75, 1.7, 1.95]}
    for run in made_study(levels):
        written(run, tmp_path)
    (tmp_path / "sweep/plan.csv").touch()
    return tmp_path / "sweep"


def test_findings_without_support_are_reported(heard: Path) -> None:
    add_finding(heard / "learning_rate=0.001/seed=0", "smoother", effect=LOWERS)
    add_finding(heard / "learning_rate=0.01/seed=0", "wilder", effect=LOWERS)
    add_finding(heard / "learning_rate=0.005/seed=0", "any level will do", effect=LOWERS)
    add_finding(
        heard / "learning_rate=0.01/seed=1", "not in the table", effect=CitedEffect("a.b", LOSS, "lowers")
    )
    add_finding(heard / "learning_rate=0.01/seed=1", "of no effect")
    lines = summarise(find_runs([heard]), heard, draws=False).unsupported
    assert (
        len(lines) == 1
        and "“wilder”: these runs do not support that training.learning_rate lowers" in lines[0]
    )
    assert "0.01: inconclusive with 3 seeds" in lines[0]


def test_newer_runs_can_contradict_a_finding(heard: Path) -> None:
    add_finding(heard / "learning_rate=0.001/seed=0", "smoother", effect=LOWERS)
    summary = summarise(find_runs([heard]), heard, draws=False)
    assert summary.unsupported == []
    study = made_study({0.005: [1.7, 1.8, 1.9, 1.7], 0.001: [1.5, 1.6, 1.7001, 3.1]})
    for run in study:
        if run.record.seed == 3:
            directory = written(run, heard.parent)
            later = time.time() + 60
            os.utime(directory / "run.json", (later, later))
    (line,) = summarise(find_runs([heard]), heard, draws=False).unsupported
    assert "with 2 newer runs, these runs no longer support" in line and "4 seeds" in line
    opposite = CitedEffect("training.learning_rate", LOSS, "raises")
    finding, _ = add_finding(heard / "learning_rate=0.001/seed=0", "louder", effect=opposite)
    assert len(unsupported([finding], summary.paired.runs, summary.effects)) == 1
