"""What a plan names and the disk does not have."""

from pathlib import Path

import pytest

from musicgen.effects.missing import missing_runs, with_missing
from musicgen.records.runs import PLAN as FILE_NAME
from musicgen.records.runs import find_runs, runs_table
from tests.records.made_runs import made_study, written

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
        "training.learning_rate=0.02 seed=0 missing: planned, but it left no run.json "
        "(learning_rate=0.02/seed=0)"
    )
    (sweep / "learning_rate=0.005" / "seed=0" / "run.json").unlink()
    named = [str(one).split(" missing")[0] for one in missing_runs(find_runs([sweep]), sweep)]
    assert named == ["baseline seed=0", "training.learning_rate=0.02 seed=0"]


def test_it_has_a_row_in_the_runs_table_which_else_stays_as_it_was(sweep: Path) -> None:
    runs = find_runs([sweep])
    table = runs_table(runs, sweep)
    more = with_missing(table, missing_runs(runs, sweep))
    before, after = table.to_csv(index=False).splitlines(), more.to_csv(index=False).splitlines()
    assert after[:-1] == before
    assert after[-1].startswith(
        "learning_rate=0.02/seed=0,missing,training.learning_rate,0.02,0.005,,0,e,f,,"
    )
    assert with_missing(table, []) is table


def test_a_plan_names_no_folder_outside_its_sweep(sweep: Path) -> None:
    with (sweep / FILE_NAME).open("a") as plan:
        plan.write("../elsewhere/seed=0,,,,0,300,a,b\n/etc,,,,0,300,a,b\n,,,,0,300,a,b\n")
    assert len(missing_runs(find_runs([sweep]), sweep)) == 1
