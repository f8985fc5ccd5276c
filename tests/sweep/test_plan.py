import math
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from musicgen.config import Config, resolve
from musicgen.records.identity import run_identity, training_identity
from musicgen.records.store import training_folder
from musicgen.sweep.design import PlannedArm
from musicgen.sweep.plan import PlannedRun, Speeds, order_runs, plan_table, summarise_plan
from tests.test_config import parsed


def planned(arm: str, outputs: Path, *overrides: str) -> PlannedRun:
    config: Config = resolve(parsed("training=smoke", f"paths.outputs={outputs}", *overrides))
    training_id = training_identity(config.as_dict(), "0" * 64, "cpu")
    planned_arm = PlannedArm(arm, overrides, OmegaConf.create(), config)
    return PlannedRun(planned_arm, config, training_id, run_identity(config.as_dict(), training_id))


def ordered(runs: list[PlannedRun], *abouts: dict) -> dict[str, PlannedRun]:
    return {run.arm.name: run for run in order_runs(runs, Speeds(abouts))}


def five_runs(outputs: Path) -> list[PlannedRun]:
    return [
        planned("baseline", outputs),
        planned("long", outputs, "training.num_iterations=500"),
        planned("short", outputs, "training.num_iterations=100"),
        planned("cool", outputs, "sampling.temperature=0.2"),
        planned("slow", outputs, "training.learning_rate=1e-4"),
    ]


def test_a_shared_training_is_done_once_by_the_shortest_runs(tmp_path: Path) -> None:
    runs = ordered(five_runs(tmp_path))
    assert [(arm, run.stored_iterations, run.new_iterations) for arm, run in runs.items()] == [
        ("short", 0, 100),
        ("slow", 0, 300),
        ("baseline", 100, 200),
        ("long", 300, 200),
        ("cool", 300, 0),
    ]
    assert [runs[arm].wave for arm in ("short", "slow", "baseline", "long")] == [1, 1, 2, 3]
    assert runs["cool"].wave > runs["long"].wave
    assert (runs["baseline"].shares_with, runs["slow"].shares_with) == ("short/seed=0", None)


def test_iterations_in_the_store_are_not_planned_again(tmp_path: Path) -> None:
    runs = five_runs(tmp_path)
    folder = training_folder(runs[0].config, runs[0].training_id)
    folder.path.mkdir(parents=True)
    folder.passing(250).touch()
    folder.end(500).touch()
    found = ordered(runs)
    assert (found["short"].new_iterations, found["baseline"].new_iterations) == (100, 50)
    assert found["long"].new_iterations == found["cool"].new_iterations == 0


def test_lengths_with_a_cosine_schedule_share_nothing(tmp_path: Path) -> None:
    cosine = "training.schedule=cosine"
    runs = ordered(
        [planned("a", tmp_path, cosine), planned("b", tmp_path, cosine, "training.num_iterations=100")]
    )
    assert runs["a"].new_iterations == 300 and runs["b"].new_iterations == 100


def test_the_time_of_the_most_similar_training_is_scaled(tmp_path: Path) -> None:
    run = planned("baseline", tmp_path)
    operations = (
        run.config.model.training_flops * run.config.training.batch_size * run.config.training.sequence_length
    )
    about = {"cell": "lstm", "num_threads": 1, "precision": "fp32", "seconds_besides_training": 5.0}
    near = {**about, "operations": operations * 2, "seconds_per_iteration": 0.2}
    far = {**about, "operations": operations * 9, "seconds_per_iteration": 0.1}
    assert ordered([run], far, near)["baseline"].expected_seconds == pytest.approx(300 * 0.1 + 5)
    assert ordered([run], {**near, "cell": "gru"})["baseline"].expected_seconds is None
    assert ordered([run], {})["baseline"].expected_seconds is None
    for wrong in ("fast", None, -1.0, math.nan):
        assert ordered([run], {**near, "seconds_per_iteration": wrong})["baseline"].expected_seconds is None
    assert "time unknown" in summarise_plan(list(ordered([run]).values()))


def test_the_plan_is_a_table_and_a_summary(tmp_path: Path) -> None:
    runs = list(ordered(five_runs(tmp_path)).values())
    table = plan_table(runs)
    assert list(table["new_iterations"]) == [100, 300, 200, 200, 0]
    assert summarise_plan(runs).startswith("5 runs: 800 iterations to train, 700 reused")


def test_operations_grow_with_the_square_of_the_hidden_size() -> None:
    model = parsed(
        "model=lstm", "model.num_layers=1", "model.hidden_size=100", "model.embedding_size=100"
    ).model
    double = replace(model, hidden_size=200, embedding_size=200)
    assert double.training_flops == 4 * model.training_flops
    assert replace(model, cell="gru").training_flops * 4 == model.training_flops * 3
    assert replace(model, num_layers=2).training_flops == 2 * model.training_flops
