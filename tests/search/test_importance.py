from pathlib import Path

import numpy as np
import pytest

from musicgen.search.importance import Importance, comparable_values, importances
from musicgen.search.objective import objectives_of
from musicgen.search.trials import Trial, Trials, Value
from tests.search.written_search import trial, write_search


@pytest.fixture(autouse=True)
def few_dummies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musicgen.search.importance.DUMMIES", 5)


def searched(folder: Path, num_trials: int, effect: float, *, rungs: bool = False) -> Trials:
    """The loss follows the logarithm of the learning rate and nothing else, but for noise."""
    random = np.random.default_rng(0)
    trials: list[Trial] = []
    for number in range(num_trials):
        exponent = random.uniform(-4, -1)
        levels: dict[str, Value] = {
            "training.learning_rate": float(10**exponent),
            "model.hidden_size": int(random.integers(64, 81)),
            "model.cell": str(random.choice(["lstm", "gru"])),
        }
        loss = float(1.5 + effect * (exponent + 2.5) ** 2 + random.normal(0, 0.02))
        is_pruned = rungs and number % 3 > 0
        trials.append(
            trial(
                number,
                None if is_pruned else loss,
                "pruned" if is_pruned else "complete",
                levels,
                {34: loss + 1} if rungs else {},
            )
        )
    return write_search(folder, trials)


def importance_of(trials: Trials) -> Importance:
    (found,) = importances(trials)
    return found


def test_the_true_cause_is_above_the_dummies(tmp_path: Path) -> None:
    found = importance_of(searched(tmp_path, 40, effect=0.5))
    assert found.r2 is not None and found.r2 > 0.7
    assert next(iter(found.shares)) == "training.learning_rate"
    assert found.shares["training.learning_rate"] > 0.6 > 5 * found.noise
    assert found.shares["model.cell"] < found.noise
    assert "importance by fANOVA above the noise" in found.sentence and "R²" in found.sentence


def test_importance_needs_a_forest_that_predicts(tmp_path: Path) -> None:
    found = importance_of(searched(tmp_path, 40, effect=0.0))
    assert found.r2 is not None and found.r2 < 0.5 and not found.shares
    assert "unknown" in found.sentence


def test_importance_needs_enough_trials(tmp_path: Path) -> None:
    found = importance_of(searched(tmp_path, 9, effect=0.5))
    assert found.r2 is None and found.sentence == "importance: unknown from 9 trials, at least 10 are needed"


def test_importance_needs_a_parameter_that_all_trials_share(tmp_path: Path) -> None:
    # A space of the user's own draws one parameter in half of the trials, and another in the others.
    own: list[dict[str, Value]] = [{"training.learning_rate": 0.01}, {"model.hidden_size": 64}]
    trials = [trial(number, 1.0 + number, levels=own[number % 2]) for number in range(10)]
    found = importance_of(write_search(tmp_path, trials))
    assert found.sentence == "importance: unknown, no parameter that all 10 trials share varies"


def test_with_pruning_all_trials_are_compared_on_the_first_rung(tmp_path: Path) -> None:
    trials = searched(tmp_path, 45, effect=0.5, rungs=True)
    (measured,) = comparable_values(trials)
    assert measured.words == "validation loss after 34 iterations" and len(measured.values) == 45
    found = importance_of(trials)
    assert found.num_trials == 45 and found.shares["training.learning_rate"] == pytest.approx(1, abs=0.4)


def test_each_objective_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musicgen.search.importance.DUMMIES", 1)
    objectives = objectives_of(["fit/validation_loss", "validity/sound_rate"], None)
    trials = [
        trial(one.number, (*one.values, 0.5), levels=one.levels)
        for one in searched(tmp_path, 30, effect=0.5).trials
        if one.values
    ]
    loss, rate = importances(write_search(tmp_path, trials, objectives))
    assert "training.learning_rate" in loss.shares and "validation loss" in loss.sentence
    assert rate.sentence == "importance: unknown, sound rate is the same in all 30 trials"


def test_a_conditional_parameter_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musicgen.search.importance.DUMMIES", 1)
    trials = list(searched(tmp_path, 30, effect=0.5).trials)
    levels = {name: level for name, level in trials[0].levels.items() if name != "model.hidden_size"}
    trials[0] = trial(0, trials[0].values, levels=levels)
    found = importance_of(write_search(tmp_path, trials))
    assert set(found.shares) == {"training.learning_rate", "model.cell"}
