import json
from pathlib import Path

import numpy as np
import optuna
import pytest

from musicgen.errors import InputError
from musicgen.search.objective import objectives_of
from musicgen.search.trials import goal, is_search, read_trials
from tests.search.written_search import SPACE, trial, write_search

TRIALS = [
    trial(0, 1.9, rungs={34: 3.0, 102: 2.5}),
    trial(1, None, "pruned", rungs={34: 3.5}),
    trial(2, 1.7, rungs={34: 2.9, 102: 2.2}),
    trial(3, 1.7, rungs={34: 2.8, 102: 2.1}),
    trial(4, None, "diverged"),
]


def test_trials_are_read_as_written(tmp_path: Path) -> None:
    assert not is_search(tmp_path)
    write_search(tmp_path, TRIALS)
    found = read_trials(tmp_path)
    assert is_search(tmp_path) and list(found.trials) == TRIALS
    assert found.parameters == list(SPACE)
    assert found.is_log("training.learning_rate") and not found.is_log("model.cell")
    header = (tmp_path / "trials.csv").read_text().splitlines()[0]
    assert header == (
        "trial,status,fit/validation_loss,training.learning_rate,model.hidden_size,model.cell,"
        "validation_loss_at_34,validation_loss_at_102,trained_iterations,seconds,directory,error"
    )


def test_the_best_trial_is_the_first_with_the_lowest_loss(tmp_path: Path) -> None:
    found = write_search(tmp_path, TRIALS)
    assert found.best is not None and found.best.number == 2
    assert [one.number for one in found.ordered] == [2, 3, 0, 1, 4]
    assert found.count() == "5 trials: 3 complete, 1 pruned, 1 diverged"
    assert found.trained_iterations == 5 * 60


def test_a_value_outside_the_choices_is_named(tmp_path: Path) -> None:
    write_search(tmp_path, TRIALS)
    path = tmp_path / "trials.csv"
    path.write_text(path.read_text().replace("lstm", "rnn"))
    with pytest.raises(InputError, match=r"trials\.csv: cannot be read: model\.cell=rnn"):
        read_trials(tmp_path)


BOTH = objectives_of(["fit/validation_loss", "validity/sound_rate"], None)


def test_trials_of_several_objectives_are_read_as_written(tmp_path: Path) -> None:
    trials = [trial(0, (1.9, 0.5)), trial(1, None, "failed"), trial(2, (1.7, 0.25))]
    write_search(tmp_path, trials, BOTH)
    found = read_trials(tmp_path)
    assert list(found.trials) == trials and tuple(found.objectives) == BOTH
    assert (tmp_path / "trials.csv").read_text().splitlines()[1].startswith("0,complete,1.9,0.5,")
    assert found.best is None and found.single is None
    assert found.results_of(trials[0]) == "validation loss 1.9000, sound rate 0.5000"
    assert [goal(one) for one in BOTH] == ["lowest validation loss", "highest sound rate"]


def test_the_front_is_that_of_optuna(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    # On a coarse grid, so that some trials are equal in one objective or in both.
    losses = random.integers(0, 6, 40)
    values = [(float(loss), float(random.integers(0, loss + 1))) for loss in losses]
    found = write_search(tmp_path, [trial(number, one) for number, one in enumerate(values)], BOTH)
    study = optuna.create_study(directions=["minimize", "maximize"])
    study.add_trials([optuna.trial.create_trial(values=one) for one in values])
    assert {one.number for one in found.front} == {one.number for one in study.best_trials}
    on_front = [one.values[0] for one in found.front if one.values]
    assert on_front == sorted(on_front) and 1 < len(set(on_front)) < len(on_front)
    assert found.complete[: len(found.front)] == found.front and len(found.complete) == 40


def test_the_best_of_a_maximised_metric_is_the_highest(tmp_path: Path) -> None:
    trials = [trial(0, 0.25), trial(1, 0.5), trial(2, 0.5), trial(3, None, "failed")]
    found = write_search(tmp_path, trials, objectives_of("validity/sound_rate", None))
    assert found.best == trials[1] and [one.number for one in found.ordered] == [1, 2, 0, 3]


def test_searches_of_earlier_versions_are_read(tmp_path: Path) -> None:
    write_search(tmp_path, TRIALS)
    table, about = tmp_path / "trials.csv", tmp_path / "search.json"
    table.write_text(table.read_text().replace("fit/validation_loss,", "validation_loss,"))
    content = json.loads(about.read_text())
    del content["direction"]
    about.write_text(json.dumps({**content, "objective": "fit/validation_loss"}))
    assert list(read_trials(tmp_path).trials) == TRIALS


def test_a_trial_may_lack_a_conditional_parameter(tmp_path: Path) -> None:
    trials = [trial(0, 1.9, levels={"training.learning_rate": 0.1, "model.cell": "gru"}), trial(1, 1.8)]
    write_search(tmp_path, trials)
    assert list(read_trials(tmp_path).trials) == trials


def test_the_knee_is_closest_to_the_best_of_each_objective(tmp_path: Path) -> None:
    # Scaled: (0, 1), (0.4, 0.8), (1, 0), and one that is not on the front. Unscaled, the third is closest.
    values = [(1.0, 0.0), (1.02, 0.1), (1.05, 0.5), (1.03, 0.05)]
    found = write_search(tmp_path, [trial(number, one) for number, one in enumerate(values)], BOTH)
    assert [one.number for one in found.front] == [0, 1, 2]
    assert found.knee is not None and found.knee.number == 1
    alone = write_search(tmp_path, TRIALS)
    assert alone.knee == alone.best
    assert write_search(tmp_path, TRIALS[4:], BOTH).knee is None
