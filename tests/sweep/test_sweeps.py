"""Sweeps from end to end: one change at a time, shared trainings, failures, kills."""

from contextlib import suppress
from pathlib import Path

import pandas
import psutil
import pytest

from musicgen.config import Change
from musicgen.records.record import RunRecord
from musicgen.records.runs import find_runs
from tests.commands import TINY, last_line, run, start, start_interpreter, train
from tests.processes import MAX_WAIT_SECONDS, kill_all, wait_until

QUICK = ("tracker=none", "rendering=none", "evaluation.num_reference_splits=2", "sampling.num_tunes=4")
SWEEP = (
    "--multirun",
    "training.num_iterations=20,60",
    "training.learning_rate=2e-3,5e-3",
    "sampling.temperature=0.5,0.7,1.0",
)
SEEDS = "seed=0,1"
"""Per seed: two lengths of one training, another learning rate, and two temperatures that train nothing."""
ARMS = {
    "baseline",
    "training.num_iterations=20",
    "training.learning_rate=0.002",
    "sampling.temperature=0.5",
    "sampling.temperature=1.0",
}
TRAINED = 60 + 60
"""Iterations per seed: two trainings."""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def sweep(corpus: Path, outputs: Path) -> Path:
    return last_line(train(corpus, outputs, *QUICK, *SWEEP, SEEDS))


def arguments(corpus: Path, outputs: Path) -> list[str]:
    """The sweep with one seed and without plots, which affect no result."""
    return [*TINY, f"data.path={corpus}", f"paths.outputs={outputs}", *QUICK, "rendering.plots=false", *SWEEP]


def trained_iterations(sweep: Path) -> int:
    return sum(int(found.record.timing["trained_iterations"]) for found in find_runs([sweep]))


def results(sweep: Path, seeds: tuple[int, ...] = (0, 1)) -> dict[str, object]:
    """What must not depend on interruptions, other processes or other seeds."""
    runs = [run for run in find_runs([sweep]) if run.record.seed in seeds]
    found = {str(run.directory.relative_to(sweep)): run for run in runs}
    return {
        "metrics": {name: run.record.metrics for name, run in found.items()},
        "noise": {name: run.record.sampling_noise for name, run in found.items()},
        "tunes": {name: (run.directory / "tunes.abc").read_text() for name, run in found.items()},
        "losses": {
            name: pandas.read_csv(run.directory / "history.csv").drop(columns="tokens_per_second").to_csv()
            for name, run in found.items()
        },
    }


def unfinished(outputs: Path) -> list[Path]:
    return [path for path in (outputs / "store").rglob("*") if path.name.startswith(".unfinished")]


@pytest.mark.slow
def test_every_single_change_runs_with_every_seed(sweep: Path) -> None:
    assert {path.parent.name for path in sweep.glob("*/seed=*")} == ARMS
    runs = pandas.read_csv(sweep / "runs.csv")
    assert len(runs) == 10 and set(runs["status"]) == {"complete"}
    changed = RunRecord.read(sweep / "training.learning_rate=0.002" / "seed=1")
    assert changed.change == Change("training.learning_rate", 0.002, 0.005)
    assert RunRecord.read(sweep / "baseline" / "seed=0").change is None
    assert "change" not in changed.command and "training.learning_rate=0.002" in changed.command


@pytest.mark.slow
def test_each_training_is_done_once(sweep: Path, outputs: Path) -> None:
    assert trained_iterations(sweep) == 2 * TRAINED
    assert len(list((outputs / "store").iterdir())) == 4
    plan = pandas.read_csv(sweep / "plan.csv")
    assert (plan["new_iterations"].sum(), len(plan)) == (2 * TRAINED, 10)
    for name in ("sampling.temperature=0.5", "sampling.temperature=1.0"):
        timing = RunRecord.read(sweep / name / "seed=0").timing
        assert (timing["trained_iterations"], timing["reused_iterations"]) == (0, 60)


@pytest.mark.slow
def test_effects_have_a_verdict_and_figures(sweep: Path) -> None:
    effects = pandas.read_csv(sweep / "effects.csv")
    assert set(effects["num_seeds"]) <= {0, 1, 2} and not any(effects["verdict"].isna())
    losses = {
        (row["parameter"], float(row["value"])): row["difference"]
        for row in effects.to_dict("records")
        if row["metric"] == "fit/validation_loss"
    }
    assert losses["training.num_iterations", 20] > 0
    assert losses["sampling.temperature", 0.5] == 0
    assert {"effects.svg", "loss_curves.svg", "trade_sampling_temperature.svg"} <= {
        path.name for path in (sweep / "plots").iterdir()
    }


@pytest.mark.slow
def test_the_same_sweep_again_trains_nothing(sweep: Path, corpus: Path, outputs: Path) -> None:
    done = run("train", *arguments(corpus, outputs), SEEDS)
    again = last_line(done)
    assert again != sweep and trained_iterations(again) == 0
    assert results(again) == results(sweep)
    assert (again / "effects.csv").read_text() == (sweep / "effects.csv").read_text()
    assert "10 runs: 0 iterations to train" in done.stdout


def test_a_dry_run_prints_the_plan_and_leaves_nothing(corpus: Path, tmp_path: Path) -> None:
    done = train(corpus, tmp_path / "outputs", *QUICK, *SWEEP, SEEDS, "study.dry_run=true")
    assert done.returncode == 0
    assert "10 runs: 240 iterations to train, 280 reused" in done.stdout
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_a_killed_sweep_resumes_with_the_same_results(sweep: Path, corpus: Path, tmp_path: Path) -> None:
    for num_states in (1, 2):
        process = start("train", *arguments(corpus, tmp_path))
        wait_until(lambda count=num_states: len(list((tmp_path / "store").glob("*/*.pt"))) >= count, process)
        kill_all(process)
    done = run("train", *arguments(corpus, tmp_path))
    assert results(last_line(done)) == results(sweep, seeds=(0,))
    assert unfinished(tmp_path) == []
    states = [path.name for path in (tmp_path / "store").glob("*/*.pt")]
    assert sorted(states) == [f"end-{iteration:06d}.pt" for iteration in (20, 60, 60)]


@pytest.mark.slow
def test_two_processes_share_every_training(sweep: Path, corpus: Path, tmp_path: Path) -> None:
    both = [start("train", *arguments(corpus, tmp_path)) for _ in range(2)]
    outputs = [process.communicate(timeout=MAX_WAIT_SECONDS) for process in both]
    sweeps = [Path(output.strip().splitlines()[-1]) for output, _ in outputs]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sum(trained_iterations(found) for found in sweeps) == TRAINED
    assert results(sweeps[0]) == results(sweeps[1]) == results(sweep, seeds=(0,))
    assert (sweeps[0] / "effects.csv").read_text() == (sweeps[1] / "effects.csv").read_text()


@pytest.mark.slow
def test_two_machines_share_store_and_cache_without_locks(sweep: Path, corpus: Path, tmp_path: Path) -> None:
    shared = [f"paths.store={tmp_path}/store", f"paths.cache={tmp_path}/cache", "paths.locks=false"]
    machines = [tmp_path / "one", tmp_path / "another"]
    both = [start("train", *arguments(corpus, outputs), *shared) for outputs in machines]
    printed = [process.communicate(timeout=MAX_WAIT_SECONDS) for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    sweeps = [Path(output.strip().splitlines()[-1]) for output, _ in printed]
    assert results(sweeps[0]) == results(sweeps[1]) == results(sweep, seeds=(0,))
    assert (sweeps[0] / "effects.csv").read_text() == (sweeps[1] / "effects.csv").read_text()
    assert unfinished(tmp_path) == [] and not list(tmp_path.rglob("*.lock"))
    states = [path.name for path in (tmp_path / "store").glob("*/*.pt")]
    assert sorted(states) == [f"end-{iteration:06d}.pt" for iteration in (20, 60, 60)]
    assert [path for machine in machines for path in machine.iterdir() if path.name != "sweeps"] == []
    assert any((tmp_path / "cache").glob("reference-*.json"))


def writer_of(log: Path) -> psutil.Process:
    """The process that writes this log, once it is training."""
    wait_until(lambda: log.exists() and "iteration" in log.read_text())
    for process in psutil.process_iter():
        with suppress(psutil.AccessDenied, psutil.NoSuchProcess):
            if str(log) in {file.path for file in process.open_files()}:
                return process
    raise AssertionError(f"{log} has no writer")


@pytest.mark.slow
def test_failed_diverged_and_killed_runs_leave_the_others_alone(corpus: Path, tmp_path: Path) -> None:
    levels = [
        "training.learning_rate=5e-3,10",  # with this weight decay 10 diverges
        "training.sequence_length=40,99999",  # longer than the corpus
        "training.num_iterations=60,100000",
        "training.batch_size=16,8",
    ]
    more = [
        "rendering.plots=false",
        "training.weight_decay=1",
        "--multirun",
        *levels,
        "hydra.launcher.num_jobs=2",
    ]
    given = [*TINY, f"data.path={corpus}", f"paths.outputs={tmp_path}", *QUICK, *more]
    # With its own fork server, and the imports of that, as on a user's machine.
    process = start_interpreter("train", *given)
    pattern = "sweeps/*/*/training.num_iterations=100000/seed=0/train.log"
    wait_until(lambda: list(tmp_path.glob(pattern)), process)
    (log,) = tmp_path.glob(pattern)
    writer_of(log).kill()
    output, _ = process.communicate(timeout=MAX_WAIT_SECONDS)
    assert process.returncode == 1
    runs = pandas.read_csv(Path(output.strip().splitlines()[-1]) / "runs.csv")
    runs = runs.fillna({"parameter": "baseline"}).set_index("parameter")
    assert runs["status"].to_dict() == {
        "baseline": "complete",
        "training.learning_rate": "diverged",
        "training.sequence_length": "failed",
        "training.num_iterations": "failed",
        "training.batch_size": "complete",
    }
    assert "killed by signal 9" in runs.loc["training.num_iterations", "error"]
    assert "allowed are 1 to" in runs.loc["training.sequence_length", "error"]
    assert "diverged at iteration" in runs.loc["training.learning_rate", "error"]
    for parameter in ("learning_rate", "sequence_length", "num_iterations"):
        assert f"training.{parameter}" in output.split("runs did not complete")[1].split("runs\n")[0]
