from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.search.trials import is_search, read_trials
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
