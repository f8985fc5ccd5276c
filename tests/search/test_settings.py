"""The settings of hydra-optuna-sweeper, as its users write them, from end to end."""

from pathlib import Path

import optuna
import pytest
import yaml
from optuna.storages.journal import JournalFileBackend

from musicgen.records.runs import find_runs
from musicgen.search.trials import read_trials
from tests.commands import TINY, last_line, run

QUICK = (
    *("--multirun", "tracker=none", "rendering=none", "rendering.plots=false", "training.num_threads=1"),
    *("sampling.num_tunes=2", "training.num_iterations=9", "training.validation_interval=9"),
)
STUDY = """
# @package _global_
defaults:
  - override /hydra/sweeper: optuna
hydra:
  sweeper:
    {target}
    storage: null
    study_name: null
    n_jobs: 1
    direction: minimize
    n_trials: 3
    sampler:
      _target_: optuna.samplers.TPESampler
      seed: 1234
      n_startup_trials: 2
    params:
      training.learning_rate: interval(0.001, 0.01)
      model.num_layers: choice(1, 2)
      model.dropout: 0.1
"""
HYDRAS_OWN = "_target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
JOURNAL = (
    "hydra.sweeper.storage={_target_:optuna.storages.JournalStorage,"
    "log_storage:{_target_:optuna.storages.journal.JournalFileBackend,file_path:PATH}}"
)
MY_SPACE = """
def dropout_of_two_layers(config, trial):
    if trial.params["model.num_layers"] == 2:
        trial.suggest_float("model.dropout", 0.2, 0.5)
"""


def search(corpus: Path, outputs: Path, *more: str) -> Path:
    return last_line(run("train", *TINY, *QUICK, f"data.path={corpus}", f"paths.outputs={outputs}", *more))


def write_study(folder: Path, target: str) -> str:
    """Write a study as lightning-hydra-template has it; returns the option that finds it."""
    file = folder / "conf" / "hparams_search" / "rates.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(STUDY.format(target=target))
    return f"--config-dir={folder / 'conf'}"


@pytest.mark.slow
def test_a_study_in_hydras_form_is_searched(corpus: Path, tmp_path: Path) -> None:
    given = (write_study(tmp_path, ""), "+hparams_search=rates", "hydra.sweeper.confirm_seeds=0")
    first, second = (search(corpus, tmp_path, *given) for _ in range(2))
    # In memory, so the second command does not resume the first, and does not overwrite it.
    assert second == first.with_name(f"{first.name}-2")
    for folder in (first, second):
        found = read_trials(folder)
        assert len(found.trials) == 3 and found.parameters == ["training.learning_rate", "model.num_layers"]
        assert not list(folder.glob("*.sqlite"))


@pytest.mark.slow
def test_hydras_own_sweeper_runs_if_a_study_names_it(corpus: Path, tmp_path: Path) -> None:
    folder = search(corpus, tmp_path, write_study(tmp_path, HYDRAS_OWN), "+hparams_search=rates")
    runs = find_runs([folder])
    results = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    losses = [float(run.record.metrics["fit/validation_loss"] or 0) for run in runs]
    assert len(losses) == 3 and results["best_value"] == min(losses)
    assert set(results["best_params"]) == {"training.learning_rate", "model.num_layers"}


@pytest.mark.slow
def test_a_journal_resumes_with_a_custom_space(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_space.py").write_text(MY_SPACE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSICGEN_TRUST", "my_space")
    place = tmp_path / "trials.log"
    given = (
        *("hydra/sweeper=optuna", "hydra.sweeper.study_name=mine", "hydra.sweeper.confirm_seeds=0"),
        *("hydra.sweeper.params=null", "model.num_layers=1,2", JOURNAL.replace("PATH", str(place))),
        *("hydra.sweeper.custom_search_space=my_space.dropout_of_two_layers", "hydra.sweeper.pruning=null"),
        *("hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=0"),
    )
    search(corpus, tmp_path, *given, "hydra.sweeper.n_trials=2")
    found = read_trials(search(corpus, tmp_path, *given, "hydra.sweeper.n_trials=5"))
    drawn = {(trial.levels["model.num_layers"], "model.dropout" in trial.levels) for trial in found.trials}
    assert len(found.trials) == 5 and drawn == {(1, False), (2, True)}
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(place)))
    stored = optuna.load_study(study_name="mine", storage=storage)
    assert [trial.number for trial in stored.trials] == list(range(5))
