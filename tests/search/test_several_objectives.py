"""A search with two objectives and rendered songs from end to end, killed and continued."""

import shlex
from dataclasses import dataclass
from pathlib import Path

import optuna
import pandas
import pytest
import yaml
from optuna.artifacts import get_all_artifact_meta

from musicgen.records.destination import CONFIRMATION
from musicgen.records.record import RunRecord
from musicgen.records.runs import find_runs
from musicgen.search.artifacts import FOLDER
from musicgen.search.trials import Trials, read_trials
from tests.commands import last_line, run, start
from tests.processes import kill_all, wait_until
from tests.search.test_search import arguments

LOSS, RATE = "fit/validation_loss", "validity/complete_rate"
NUM_TRIALS = 4

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Searched:
    """A search, what its command printed in the end, and its storage."""

    folder: Path
    printed: str
    study: optuna.Study

    @property
    def found(self) -> Trials:
        return read_trials(self.folder)


@pytest.fixture(scope="module")
def searched(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    outputs = tmp_path_factory.mktemp("outputs")
    given = arguments(
        corpus,
        outputs,
        f"hydra.sweeper.objective=[{LOSS},{RATE}]",
        "hydra.sweeper.direction=[minimize,maximize]",
        f"hydra.sweeper.n_trials={NUM_TRIALS}",
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.confirm_seeds=1",
        "rendering=ogg",
        "rendering.num_tunes=1",
        "rendering.score=false",
        "rendering.plots=true",
        "sampling.temperature=interval(0.3,1.5)",
    )
    process = start("train", *given)
    folder = outputs / "searches" / "tiny"
    wait_until((folder / "002" / "seed=0" / "train.log").exists, process)
    kill_all(process)
    done = run("train", *given)
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{folder}/search.sqlite")
    return Searched(last_line(done), done.stdout, study)


def test_every_trial_has_the_values_of_its_run(searched: Searched) -> None:
    assert [trial.number for trial in searched.found.trials] == list(range(NUM_TRIALS))
    assert [one.name for one in searched.study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert searched.study.metric_names == [LOSS, RATE]
    for trial, stored in zip(searched.found.trials, searched.study.trials, strict=True):
        record = RunRecord.read(searched.folder / trial.directory)
        assert trial.values == (record.metrics[LOSS], record.metrics[RATE]) == tuple(stored.values)
        assert not trial.rungs and record.status == "complete"


def test_the_front_is_in_the_results_and_printed(searched: Searched) -> None:
    results = yaml.safe_load((searched.folder / "optimization_results.yaml").read_text())
    best = {tuple(trial.values): trial.params for trial in searched.study.best_trials}
    assert (
        results["name"] == "optuna"
        and {tuple(one["values"]): one["params"] for one in results["solutions"]} == best
    )
    assert f"Pareto front: {len(best)} of {NUM_TRIALS} complete trials" in searched.printed
    assert (searched.folder / "plots" / "pareto_front.png").is_file()


def test_a_trial_of_the_front_is_an_experiment(searched: Searched) -> None:
    trial = searched.found.front[-1]
    results = yaml.safe_load((searched.folder / "optimization_results.yaml").read_text())
    words = shlex.split(results["solutions"][-1]["command"])
    assert f"experiment=trial-{trial.number:03d}" in words and not any(
        "temperature" in word for word in words
    )
    again = RunRecord.read(last_line(run("train", *words[3:], "rendering=none")))
    record = RunRecord.read(searched.folder / trial.directory)
    assert again.run_id == record.run_id and again.timing["trained_iterations"] == 0


def test_the_knee_is_confirmed_on_the_objectives(searched: Searched) -> None:
    knee = searched.found.knee
    assert knee is not None
    runs = find_runs([searched.folder / CONFIRMATION])
    assert sorted((run.record.change is None, run.record.seed) for run in runs) == [(False, 1), (True, 1)]
    effects = pandas.read_csv(searched.folder / CONFIRMATION / "effects.csv")
    assert set(effects["value"]) == {f"trial {knee.number}"}
    study = runs[0].record.config["study"]
    assert isinstance(study, dict) and study["primary_metrics"] == [LOSS, RATE]


def test_each_trial_has_its_song_once(searched: Searched) -> None:
    songs = 0
    for trial in searched.study.trials:
        tunes = searched.folder / f"{trial.number:03d}" / "seed=0" / "tunes"
        files = {
            path.with_suffix(".mp3" if path.suffix == ".ogg" else path.suffix).name
            for path in tunes.glob("*")
        }
        found = get_all_artifact_meta(study_or_trial=trial, storage=searched.study._storage)
        assert {one.filename for one in found} == {name for name in files if name.endswith((".mp3", ".png"))}
        songs += len(found)
    assert songs and len(list((searched.folder / FOLDER).iterdir())) == songs
