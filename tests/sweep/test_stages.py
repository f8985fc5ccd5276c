"""Studies in two stages from end to end: the first chooses changes, the second judges them on fresh seeds."""

from pathlib import Path

import pandas
import pytest

from musicgen.config import config_from_dict
from musicgen.errors import InputError
from musicgen.records.destination import CONFIRMATION, holds_finished_run
from musicgen.records.runs import find_runs
from musicgen.reporting.study_data import read_study
from musicgen.sweep.sweeper import _check_stages
from tests.commands import TINY, last_line, run, start
from tests.processes import kill_all, wait_until
from tests.sweep.test_design import design

STUDY = [
    *TINY,
    "tracker=none",
    "rendering=none",
    "rendering.plots=false",
    "sampling.num_tunes=4",
    "training.num_threads=1",
    "--multirun",
    "study.stages={confirm:1,seeds:2}",
    "study.primary_metrics=[fit/validation_loss]",
    "training.num_iterations=60,120",
    "training.learning_rate=4e-3,5e-3",
    "sampling.temperature=0.7,1.0",
    "seed=0,1",
]
"""Only the number of iterations makes a large difference, and the temperature none."""
CHOSEN = "training.num_iterations=120"


def arguments(corpus: Path, outputs: Path) -> list[str]:
    return [*STUDY, f"data.path={corpus}", f"paths.outputs={outputs}", f"hydra.sweep.dir={outputs}/study"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def printed(corpus: Path, outputs: Path) -> str:
    done = run("train", *arguments(corpus, outputs))
    assert last_line(done) == outputs / "study"
    return done.stdout


@pytest.fixture
def study(printed: str, outputs: Path) -> Path:
    return outputs / "study"


def tables(study: Path) -> dict[str, object]:
    """What must not depend on interruptions."""
    runs = {str(run.directory.relative_to(study)): run.record.metrics for run in find_runs([study])}
    effects = {str(path.relative_to(study)): path.read_text() for path in study.rglob("effects.csv")}
    return {"runs": runs, "effects": effects}


def test_the_largest_improvement_is_judged_on_fresh_seeds(study: Path) -> None:
    arms = {"baseline", CHOSEN, "training.learning_rate=0.004", "sampling.temperature=1.0"}
    seeds = {"seed=0", "seed=1"}
    assert {path.parent.name for path in study.glob("*/seed=*")} == arms
    assert {path.name for path in study.glob("*/seed=*")} == seeds
    second = {str(path.relative_to(study / CONFIRMATION)) for path in study.glob(f"{CONFIRMATION}/*/seed=*")}
    assert second == {f"{arm}/seed={seed}" for arm in ("baseline", CHOSEN) for seed in (2, 3)}


def test_only_the_second_stage_makes_claims(study: Path) -> None:
    first, second = (pandas.read_csv(folder / "effects.csv") for folder in (study, study / CONFIRMATION))
    assert set(first["family"]) == {"screening"} and not set(first["decision"]) & {"raises", "lowers"}
    assert set(second["family"]) == {"primary", "exploratory"} and set(second["num_seeds"]) <= {0, 1, 2}
    runs = pandas.read_csv(study / "runs.csv")
    assert len(runs) == 8 and set(runs["seed"]) == {0, 1}
    assert {run.is_screening for run in find_runs([study / CONFIRMATION])} == {False}


def test_both_stages_are_planned_and_printed(printed: str) -> None:
    plan, _, rest = printed.partition("1 of 8: ")
    assert "8 runs: " in plan and "then a second stage: " in plan
    assert "up to 1 change, improvements first, and the baseline with seeds 2 to 3: up to 4 runs" in plan
    first, _, second = rest.partition("stage two: ")
    assert "stage one: 3 changes with seeds 0 and 1" in first
    table = first.partition("stage one: ")[2].partition("selected for the second stage: ")[0]
    rows = [line.split() for line in table.splitlines() if line.startswith(("training.", "sampling."))]
    assert [row[0] for row in rows] == [
        "training.num_iterations",
        "training.learning_rate",
        "sampling.temperature",
    ]
    assert rows[0][-1] == "yes" and f"selected for the second stage: {CHOSEN}" in first
    assert "4 of 4: " in first
    assert second.startswith("1 change and the baseline with fresh seeds 2 and 3")
    assert "training.num_iterations" in second and "training.learning_rate" not in second


def test_the_same_command_again_repeats_nothing(study: Path, corpus: Path, outputs: Path) -> None:
    before = tables(study)
    times = {path: path.stat().st_mtime_ns for path in study.rglob("run.json")}
    done = run("train", *arguments(corpus, outputs))
    assert done.returncode == 0 and " of 8: " not in done.stdout and " of 4: " not in done.stdout
    assert tables(study) == before
    assert {path: path.stat().st_mtime_ns for path in study.rglob("run.json")} == times


def test_comparing_and_reporting_keep_the_stages_apart(study: Path) -> None:
    before = tables(study)
    done = run("compare", str(study), "--no-plots")
    assert done.returncode == 0 and done.stdout.index("stage one: ") < done.stdout.index("stage two: ")
    assert tables(study) == before
    data = read_study([study])
    assert {run.record.seed for run in data.paired.runs} == {2, 3}
    assert data.screening[0].change.parameter == "training.num_iterations"
    assert [change.key for change in data.confirmed] == [CHOSEN]


def test_a_dry_run_plans_both_stages_and_leaves_nothing(corpus: Path, tmp_path: Path) -> None:
    done = run("train", *arguments(corpus, tmp_path / "outputs"), "study.dry_run=true")
    assert done.returncode == 0 and "then a second stage: " in done.stdout
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_a_study_killed_in_each_stage_resumes(study: Path, corpus: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "study", tmp_path / "study" / CONFIRMATION
    for folder in (first, second):
        process = start("train", *arguments(corpus, tmp_path))
        wait_until(lambda folder=folder: any(folder.glob("*/seed=*/run.json")), process)
        kill_all(process)
    assert len(list(second.glob("*/seed=*/run.json"))) < 4
    done = run("train", *arguments(corpus, tmp_path))
    assert done.returncode == 0 and "1 of 8: " not in done.stdout
    assert tables(first) == tables(study)


def test_a_run_of_one_stage_is_no_run_of_two(study: Path) -> None:
    folder = study / "baseline/seed=0"
    (found,) = find_runs([folder])
    config = {**found.record.config}
    assert holds_finished_run(folder, found.record.run_id, config_from_dict(config))
    config["study"] = {**found.record.config["study"], "stages": None}  # type: ignore[dict-item]
    assert not holds_finished_run(folder, found.record.run_id, config_from_dict(config))


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["study.nuisance={training.learning_rate:[0.01]}", "seed=0,1"], "study.nuisance has one stage"),
        (["seed=3"], "two seeds or more, not seed=3"),
    ],
)
def test_stages_that_cannot_work_are_refused(overrides: list[str], line: str) -> None:
    with pytest.raises(InputError, match=line):
        _check_stages(design("study.stages={confirm:5,seeds:8}", "model.cell=lstm,gru", *overrides))


@pytest.mark.parametrize("stages", ["{confirm:0,seeds:8}", "{confirm:5,seeds:1}", "{confirm:5}", "3"])
def test_wrong_stages_are_named_in_one_line(stages: str) -> None:
    with pytest.raises(InputError, match=r"study\.stages"):
        design(f"study.stages={stages}", "model.cell=lstm,gru")
