"""A run with training.max_minutes is an ordinary one of as many iterations as fit."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.errors import InputError
from musicgen.records.record import RunRecord
from musicgen.run import pace as pace_module
from musicgen.run.execute import execute
from musicgen.run.pace import describe_fit, fit_into_time, pace_file
from musicgen.run.prepare import PreparedRun, prepare
from musicgen.training.pace import Pace
from tests.commands import TINY
from tests.training.test_loop import training_config

Prepare = Callable[..., PreparedRun]
FAST = Pace(1e-9, 1e-9)


@pytest.fixture
def prepared(corpus: Path, tmp_path: Path) -> Prepare:
    """Prepares a tiny run."""
    (tmp_path / "run").mkdir()
    few = ["tracker=none", "rendering=none", "rendering.plots=false", "sampling.num_tunes=4"]
    common = [*TINY, *few, f"data.path={corpus}", f"paths.outputs={tmp_path}", "training.num_threads=1"]

    def prepare_with(*overrides: str) -> PreparedRun:
        config = compose_config([*common, *overrides])
        return prepare(config, tmp_path / "run", "python -m musicgen.train", overrides)

    return prepare_with


@pytest.fixture
def timings(monkeypatch: pytest.MonkeyPatch) -> list[Pace]:
    """The paces that are measured from now on, the last one first."""
    paces = [Pace(3.0, 6.0), Pace(1.0, 1.0)]
    monkeypatch.setattr(pace_module, "measure_pace", lambda _task: paces.pop())
    return paces


def set_pace(run: PreparedRun, pace: Pace | str) -> Path:
    path = pace_file(run.config, run.inputs, run.device)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        pace
        if isinstance(pace, str)
        else json.dumps(
            {
                "seconds_per_iteration": pace.seconds_per_iteration,
                "seconds_per_validation": pace.seconds_per_validation,
            }
        )
    )
    return path


def test_a_run_within_time_is_the_run_of_what_fits(prepared: Prepare, timings: list[Pace]) -> None:
    # 54 seconds: 51 iterations of a second, and validations at 20, 40 and 51.
    limited = prepared("training.max_minutes=1", "training.schedule=cosine")
    plain = prepared("training.num_iterations=51", "training.schedule=cosine")
    assert limited.config.training.num_iterations == 51
    assert (limited.training_id, limited.run_id) == (plain.training_id, plain.run_id)
    assert limited.time_limit == "training.max_minutes=1: 51 of 60 iterations fit (1 s each)"
    assert plain.time_limit is None


def test_what_was_timed_once_holds_for_later_runs(
    prepared: Prepare, timings: list[Pace], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    first = prepared("training.max_minutes=1")
    assert "timed before" not in caplog.text
    for again in (prepared("training.max_minutes=1"), prepared("training.max_minutes=1", "seed=5")):
        assert again.config.training.num_iterations == first.config.training.num_iterations
    assert len(timings) == 1 and caplog.text.count("timed before; to time again, remove ") == 2
    assert prepared("training.max_minutes=1", "model.hidden_size=24").config.training.num_iterations == 16


@pytest.mark.parametrize("damaged", ["", "[1, 2]", "{}", '{"seconds_per_iteration": 0}', '"x"'])
def test_a_damaged_pace_is_measured_again(damaged: str, prepared: Prepare, timings: list[Pace]) -> None:
    path = set_pace(prepared(), damaged)
    prepared("training.max_minutes=1")
    assert json.loads(path.read_text()) == {"seconds_per_iteration": 1.0, "seconds_per_validation": 1.0}


def test_a_stored_training_needs_no_time(prepared: Prepare, timings: list[Pace]) -> None:
    plain = prepared()
    end = Path(plain.config.paths.store) / plain.training_id / "end-000060.pt"
    end.parent.mkdir(parents=True)
    end.touch()
    limited = prepared("training.max_minutes=1")
    assert (limited.run_id, limited.time_limit, len(timings)) == (plain.run_id, None, 2)
    # Unless a shorter run with this limit has begun.
    set_pace(plain, Pace(1.0, 1.0))
    assert prepared("training.max_minutes=1").config.training.num_iterations == 51


def test_too_little_time_is_one_line_that_says_how_much_is_needed() -> None:
    pace = Pace(0.5, 10.0)
    config = training_config(max_minutes=0.5, warmup_iterations=40)
    with pytest.raises(InputError) as raised:
        fit_into_time(config, pace)
    assert str(raised.value) == (
        "training.max_minutes=0.5: 25 iterations fit (0.5 s each), and training.warmup_iterations=40 must "
        "stay below; allowed are 0.79 and more"
    )
    enough = training_config(max_minutes=0.79, warmup_iterations=40)
    assert fit_into_time(enough, pace).num_iterations > 40
    with pytest.raises(InputError, match=r"=0\.1: 0 iterations fit \(0\.5 s each\); allowed are 0\.2 and"):
        fit_into_time(training_config(max_minutes=0.1), pace)


def test_a_limit_that_changes_nothing_says_so() -> None:
    config = training_config(max_minutes=2.5)
    fitted = fit_into_time(config, Pace(0.31, 1.0))
    assert fitted == config
    line = describe_fit(config, fitted.num_iterations, Pace(0.31, 1.0))
    assert line == "training.max_minutes=2.5: all 60 iterations fit (0.31 s each)"


def test_a_run_that_runs_out_of_time_is_complete_and_says_so(prepared: Prepare) -> None:
    set_pace(prepared(), FAST)
    # The time is up before the first step ends.
    run = prepared("training.max_minutes=1e-6")
    execute(run)
    record = RunRecord.read(run.directory)
    assert (record.status, record.metrics["fit/validation_loss"] is not None) == ("complete", True)
    training = record.config["training"]
    assert isinstance(training, dict)
    assert (training["num_iterations"], training["stop_iteration"]) == (60, 1)
    assert record.time_limit == "training.max_minutes=1e-06: all 60 iterations fit (0.000000001 s each)"
    assert record.warnings[0].startswith("training.max_minutes=1e-06: time ran out at iteration 1 of 60")
    # Its numbers are those of no run that reached the end.
    assert record.training_id == run.training_id and record.run_id != run.run_id
    assert f"musicgen run {record.run_id}" in (run.directory / "tunes.abc").read_text()


def test_timing_a_real_training_takes_a_moment(prepared: Prepare) -> None:
    run = prepared("training.max_minutes=60")
    assert run.config.training.num_iterations == 60
    pace = Pace(**json.loads(pace_file(run.config, run.inputs, run.device).read_text()))
    assert pace.seconds_per_iteration > 0 and not (run.directory / "history.csv").exists()
