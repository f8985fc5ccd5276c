import optuna
import pytest

from musicgen.errors import InputError
from musicgen.search.halving import Halving

DEFAULT = {"reduction_factor": 3, "num_rungs": 2}


@pytest.mark.parametrize(
    ("num_iterations", "rungs"), [(300, [34, 102]), (900, [100, 300]), (9, [1, 3]), (3, [1]), (1, [])]
)
def test_rungs_are_shares_of_the_whole_length(num_iterations: int, rungs: list[int]) -> None:
    assert Halving.of(DEFAULT, num_iterations).rungs == rungs


def test_without_pruning_there_are_no_rungs() -> None:
    halving = Halving.of(None, 300)
    assert halving.rungs == [] and isinstance(halving.pruner(), optuna.pruners.NopPruner)


def judge(order: list[float], pruning: dict[str, int] = DEFAULT) -> list[float]:
    """The losses that continue from the first rung, of trials that are judged in this order."""
    halving = Halving.of(pruning, 300)
    study = optuna.create_study(pruner=halving.pruner())
    on = []
    for loss in order:
        trial = study.ask()
        trial.report(loss, halving.rungs[0])
        if not trial.should_prune():
            on.append(loss)
    return on


def test_the_best_third_on_a_rung_continues() -> None:
    assert judge([5.0, 6.0, 4.0, 4.5, 3.0, 3.5, 7.0]) == [5.0, 4.0, 3.0, 3.5]
    assert judge([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == [1.0]


def test_a_continued_trial_is_judged_on_the_next_rung() -> None:
    halving = Halving.of(DEFAULT, 300)
    study = optuna.create_study(pruner=halving.pruner())
    ended = {}
    for number, losses in enumerate([(5.0, 4.0), (4.0, 4.5), (3.0, 3.5)]):
        trial = study.ask()
        for rung, loss in zip(halving.rungs, losses, strict=True):
            trial.report(loss, rung)
            if trial.should_prune():
                ended[number] = rung
                break
    assert ended == {1: 102}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"reduction_factor": 1, "num_rungs": 2}, "reduction_factor=1: allowed are integers from 2"),
        ({"reduction_factor": 3, "num_rungs": "two"}, "num_rungs='two': allowed are integers from 1"),
        ({"reduction_factor": 3}, "allowed are null and both of reduction_factor and num_rungs"),
    ],
)
def test_a_wrong_setting_is_named(setting: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Halving.of(setting, 300)
