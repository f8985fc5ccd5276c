"""Searches from end to end: killed and continued, by several processes, with bad input."""

import shlex
from pathlib import Path

import optuna
import pandas
import pytest
import yaml

from musicgen.records.destination import CONFIRMATION
from musicgen.records.record import RunRecord
from musicgen.records.runs import find_runs
from musicgen.search.objective import LOSS
from musicgen.search.storage import open_database
from musicgen.search.trials import Trials, read_trials
from tests.commands import TINY, last_line, run, start
from tests.processes import MAX_WAIT_SECONDS, kill_all, wait_until
from tests.search.postgres import server

QUICK = (
    "tracker=none",
    "rendering=none",
    "rendering.plots=false",
    "evaluation.num_reference_splits=2",
    "sampling.num_tunes=2",
)
SPACE = (
    "training.learning_rate=tag(log,interval(1e-3,1e-1))",
    "training.batch_size=16",
    "training.sequence_length=40",
    "model.cell=choice(lstm,gru)",
    "model.hidden_size=choice(16,24)",
    "model.num_layers=range(1,3)",
    "model.dropout=0.1",
)
SEARCH = ("--multirun", "hydra/sweeper=optuna", "hydra.sweeper.study_name=tiny", *QUICK, *SPACE)
NUM_TRIALS = 9
RUNGS = [7, 21]
"""Of 60 iterations."""
CONFIRMED = "hydra.sweeper.confirm_seeds=2"
"""The fewest seeds that give an interval."""


Killed = tuple[Path, str, dict[Path, float]]


def stored_trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="tiny", storage=f"sqlite:///{folder}/search.sqlite").trials


def arguments(corpus: Path, outputs: Path, *more: str) -> list[str]:
    return [*TINY, *SEARCH, f"data.path={corpus}", f"paths.outputs={outputs}", *more]


def value_of(found: Trials) -> float:
    """The best loss."""
    assert found.best is not None and found.best.values is not None
    return found.best.values[0]


@pytest.fixture(scope="module")
def killed_and_continued(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """A search that was killed when trial 4 had begun: its folder, what it printed in the end, and when the
    records of the trials that had ended before were written."""
    outputs = tmp_path_factory.mktemp("outputs")
    sampler = ("hydra.sweeper.sampler.seed=0", "hydra.sweeper.sampler.n_startup_trials=4")
    given = arguments(corpus, outputs, f"hydra.sweeper.n_trials={NUM_TRIALS}", CONFIRMED, *sampler)
    process = start("train", *given)
    folder = outputs / "searches" / "tiny"
    wait_until((folder / "004" / "seed=0" / "train.log").exists, process)
    kill_all(process)
    ended = [trial for trial in stored_trials(folder) if trial.state.is_finished()]
    records = [folder / f"{trial.number:03d}" / "seed=0" / "run.json" for trial in ended]
    times = {path: path.stat().st_mtime for path in records}
    done = run("train", *given)
    return last_line(done), done.stdout, times


@pytest.mark.slow
def test_a_killed_search_resumes_to_its_number_of_trials(
    killed_and_continued: Killed,
) -> None:
    folder, printed, times = killed_and_continued
    found = read_trials(folder)
    assert [trial.number for trial in found.trials] == list(range(NUM_TRIALS))
    assert {trial.status for trial in found.trials} == {"complete", "pruned"}
    assert times and {path: path.stat().st_mtime for path in times} == times
    assert f"{NUM_TRIALS} trials: " in printed
    stored = stored_trials(folder)
    assert len(stored) == NUM_TRIALS and all(trial.state.is_finished() for trial in stored)
    assert len({trial.user_attrs["owner"] for trial in stored}) == 2
    for trial in found.trials:
        record = RunRecord.read(folder / trial.directory)
        assert record.status == trial.status
        if trial.values is not None:
            assert record.metrics["fit/validation_loss"] == pytest.approx(trial.values[0])
            assert trial.trained_iterations <= 60 and set(trial.rungs) == set(RUNGS)
        else:
            assert set(trial.rungs) in ({7}, {7, 21})
            assert "stop_iteration" in record.command


@pytest.mark.slow
def test_a_stopped_trial_is_the_beginning_of_a_full_run(
    killed_and_continued: Killed,
) -> None:
    folder, _, _ = killed_and_continued
    found = read_trials(folder)
    whole = found.complete[0]
    history = pandas.read_csv(folder / whole.directory / "history.csv")
    assert list(history["iteration"]) == [10, 20, 30, 40, 50, 60]
    assert RunRecord.read(folder / whole.directory).timing["reused_iterations"] == RUNGS[-1]


@pytest.mark.slow
def test_the_best_config_is_one_command_and_reuses_its_training(
    killed_and_continued: Killed, corpus: Path
) -> None:
    folder, printed, _ = killed_and_continued
    found = read_trials(folder)
    assert found.best is not None
    results = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    assert results["best_value"] == value_of(found) and results["best_params"] == dict(found.best.levels)
    command = next(line.strip() for line in printed.splitlines() if "--config-dir" in line)
    assert command == results["command"]
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "musicgen.train"]
    again = RunRecord.read(last_line(run("train", *words[3:])))
    trial = RunRecord.read(folder / found.best.directory)
    assert again.run_id == trial.run_id and again.timing["trained_iterations"] == 0


@pytest.mark.slow
def test_the_best_is_confirmed_on_fresh_seeds(
    killed_and_continued: Killed,
) -> None:
    folder, printed, _ = killed_and_continued
    found = read_trials(folder)
    assert found.best is not None
    runs = find_runs([folder / CONFIRMATION])
    assert sorted((run.record.change is None, run.record.seed) for run in runs) == [
        (changed, seed) for changed in (False, True) for seed in (1, 2)
    ]
    effects = pandas.read_csv(folder / CONFIRMATION / "effects.csv")
    (row,) = (one for one in effects.to_dict("records") if one["metric"] == "fit/validation_loss")
    assert row["parameter"] == "search" and row["value"] == f"trial {found.best.number}"
    assert row["num_seeds"] == 2 and row["ci_low"] < row["difference"] < row["ci_high"]
    assert f"trial {found.best.number}" in printed.split("on fresh seeds")[1]


@pytest.mark.slow
def test_the_same_command_only_adds_missing_trials(killed_and_continued: Killed, corpus: Path) -> None:
    folder, _, _ = killed_and_continued
    before = (folder / "trials.csv").read_text()
    times = {path: path.stat().st_mtime for path in folder.rglob("run.json")}
    outputs = folder.parent.parent
    again = run("train", *arguments(corpus, outputs, f"hydra.sweeper.n_trials={NUM_TRIALS}", CONFIRMED))
    assert last_line(again) == folder and (folder / "trials.csv").read_text() == before
    assert {path: path.stat().st_mtime for path in folder.rglob("run.json")} == times
    more = (f"hydra.sweeper.n_trials={NUM_TRIALS + 1}", "hydra.sweeper.confirm_seeds=0")
    last_line(run("train", *arguments(corpus, outputs, *more)))
    assert [trial.number for trial in read_trials(folder).trials] == list(range(NUM_TRIALS + 1))


@pytest.mark.slow
def test_another_search_of_the_same_name_is_refused(killed_and_continued: Killed, corpus: Path) -> None:
    folder, _, _ = killed_and_continued
    outputs = folder.parent.parent
    for changed, words in (
        ("training.num_iterations=80", "rungs is [7, 21] there and [9, 27] here"),
        ("training.weight_decay=0.1", "baseline.training.weight_decay is 0.01 there and 0.1 here"),
        ("model.hidden_size=choice(16,32)", "space.model.hidden_size.attributes.choices is [16, 24] there"),
        ("hydra.sweeper.pruning=null", "rungs is [7, 21] there and [] here"),
    ):
        done = run("train", *arguments(corpus, outputs, changed))
        assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert words in done.stderr and "hydra.sweeper.study_name=NAME starts a new one" in done.stderr


@pytest.mark.slow
def test_trials_reuse_trainings_and_may_fail(corpus: Path, tmp_path: Path) -> None:
    grid = (
        "hydra/sweeper/sampler=grid",
        "hydra.sweeper.params=null",
        "hydra.sweeper.confirm_seeds=0",
        "training.weight_decay=1",
        # 10 diverges with this weight decay, 99999 characters are more than the corpus has.
        "training.learning_rate=choice(5e-3,10)",
        "training.sequence_length=choice(40,99999)",
        "model.cell=lstm",
        "model.hidden_size=16",
        "model.num_layers=1",
        "hydra.sweeper.pruning=null",
    )
    first = last_line(run("train", *arguments(corpus, tmp_path, *grid)))
    found = read_trials(first)
    ended = {
        (trial.levels["training.learning_rate"], trial.levels["training.sequence_length"]): trial
        for trial in found.trials
    }
    assert {place: trial.status for place, trial in ended.items()} == {
        (5e-3, 40): "complete",
        (10, 40): "diverged",
        (5e-3, 99999): "failed",
        (10, 99999): "failed",
    }
    assert "diverged at iteration" in (ended[10, 40].error or "")
    assert "allowed are 1 to" in (ended[10, 99999].error or "")
    again = last_line(run("train", *arguments(corpus, tmp_path, *grid, "hydra.sweeper.study_name=again")))
    second = read_trials(again)
    assert again != first and second.trained_iterations == 0
    assert value_of(second) == value_of(found)


@pytest.mark.slow
def test_processes_share_one_search_on_postgresql(corpus: Path, tmp_path: Path) -> None:
    num_processes, num_trials = 3, 9
    with server() as url:
        given = arguments(
            corpus,
            tmp_path,
            f"hydra.sweeper.storage={url}",
            f"hydra.sweeper.n_trials={num_trials}",
            "hydra.sweeper.confirm_seeds=0",
            "training.num_iterations=9",
            "hydra.sweeper.pruning.num_rungs=1",
            "hydra/launcher=basic",
            "hydra.sweeper.n_jobs=1",
        )
        processes = [start("train", *given) for _ in range(num_processes)]
        outputs = [process.communicate(timeout=MAX_WAIT_SECONDS) for process in processes]
        assert [process.returncode for process in processes] == [0] * num_processes, outputs
        database = open_database(url)
        trials = optuna.load_study(study_name="tiny", storage=database.storage).trials
        database.close()
    assert [trial.number for trial in trials] == list(range(num_trials))
    assert all(trial.state.is_finished() for trial in trials)
    assert len({trial.user_attrs["owner"] for trial in trials}) > 1
    assert len({tuple(trial.params.values()) for trial in trials}) == num_trials
    (folder,) = {Path(output.strip().splitlines()[-1]) for output, _ in outputs}
    found = read_trials(folder)
    assert len(found.trials) == num_trials and found.best is not None
    assert {path.name for path in folder.glob("[0-9]*")} == {f"{number:03d}" for number in range(num_trials)}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            ("hydra.sweeper.storage=postgresql://me:secret@127.0.0.1:1/music",),
            "storage=postgresql+psycopg://me@127.0.0.1:1/music: the database cannot be used",
        ),
        (
            ("training.learning_rat=choice(1,2)",),
            "training.learning_rat: no such field; did you mean training.learning_rate?",
        ),
        (("model.hidden_size=choice(16,0)",), "model.hidden_size=0: input should be greater than"),
        (("training.learning_rate=interval(2,1)",), "training.learning_rate=interval(2,1): "),
        (("seed=0,1",), "seed=0,1: all trials of a search have one seed"),
        (("rendering.tempo=90,100",), "rendering.tempo cannot be searched"),
        (("training.num_iterations=choice(40,60)",), "hydra.sweeper.pruning=null trains every trial"),
        (("training.max_minutes=5",), "training.max_minutes=5: a search compares trials by iterations"),
        (("training.max_minutes=choice(1,2)",), "training.max_minutes=1: a search compares trials by"),
        (("hydra.sweeper.n_trials=0",), "hydra.sweeper.n_trials=0: allowed are integers from 1"),
        (
            ("hydra.sweeper.pruning.reduction_factor=1",),
            "reduction_factor=1: allowed are integers from 2",
        ),
        (("hydra.sweeper.n_trials=many",), "hydra.sweeper.n_trials=many: Value 'many' of type 'str'"),
        (("hydra.sweeper.sampler.n_startup_trials=many",), "n_startup_trials=many: Value 'many' of type"),
        (("hydra.sweeper.max_failure_rate=2",), "max_failure_rate=2.0: allowed are numbers from 0 to 1"),
        (("hydra.sweeper.params=all",), "hydra.sweeper.params=all: allowed are default, null and a mapping"),
        (("hydra.sweeper.objective=fit/los",), "hydra.sweeper.objective: fit/los is not a metric"),
        (
            ("hydra.sweeper.custom_search_space=nowhere.draw",),
            "set MUSICGEN_TRUST=nowhere in the environment",
        ),
        (("model=lstm,gru",), "model=lstm,gru: each sets model.cell, which is overridden as well"),
        (
            ("hydra/sweeper/sampler=cmaes", f"hydra.sweeper.objective=[{LOSS},validity/sound_rate]"),
            "hydra.sweeper.sampler: ",
        ),
        (("hydra/sweeper/sampler=grid",), "a grid needs single values"),
        (("study.stages={confirm:5,seeds:8}",), "study.stages: a search confirms its best config"),
        (("study=cell",), "study=cell: a study declares its own changes and cannot be searched"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    given: tuple[str, ...], words: str, corpus: Path, tmp_path: Path
) -> None:
    done = run("train", *arguments(corpus, tmp_path / "outputs", *given))
    assert done.returncode == 1
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (tmp_path / "outputs").exists() and "secret" not in done.stderr


def test_a_database_of_something_else_is_refused(corpus: Path, tmp_path: Path) -> None:
    place = tmp_path / "searches.sqlite"
    optuna.create_study(study_name="tiny", storage=f"sqlite:///{place}").add_trial(
        optuna.trial.create_trial(value=1.0)
    )
    done = run("train", *arguments(corpus, tmp_path, f"hydra.sweeper.storage=sqlite:///{place}"))
    assert (
        done.returncode == 1 and "another search named tiny: it was started by another program" in done.stderr
    )


def test_an_objective_may_be_a_metric_of_another_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "from musicgen.metrics.outside import metric\n"
        "@metric('own/mine', better='lower', meaning='nothing')\n"
        "def mine(tunes): ...\n"
    )
    (tmp_path / "metric_of_a_test.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSICGEN_TRUST", "metric_of_a_test")
    words = ["hydra.sweeper.objective=own/mine", "hydra.sweeper.direction=maximize"]
    named = "evaluation.metrics=[metric_of_a_test:mine]"
    improved = "own/mine can only be improved with minimize"
    for more, line in (([], "own/mine is not a metric"), ([named], improved)):
        done = run("train", *arguments(Path("none.abc"), Path("outputs"), *words, *more))
        assert done.returncode == 1 and line in done.stderr, done.stderr
