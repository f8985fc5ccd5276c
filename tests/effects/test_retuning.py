import math
from collections.abc import Mapping, Sequence

import pytest

from musicgen.effects.retuning import best_value, divide_seeds
from musicgen.records.runs import FoundRun
from tests.effects.test_table import row_of, rows_of
from tests.records.made_runs import LOSS, made_run


def retuned_study(losses: Mapping[tuple[str, float], Sequence[float | None]]) -> list[FoundRun]:
    """(cell, learning rate) -> loss of each seed; the baseline is (lstm, 0.005)."""
    runs = []
    for (cell, rate), column in losses.items():
        for seed, loss in enumerate(column):
            runs.append(
                made_run(
                    f"s/{cell}-{rate}/seed={seed}",
                    seed=seed,
                    overrides={"model.cell": cell, "training.learning_rate": rate},
                    change=None if cell == "lstm" else ("model", cell, "lstm"),
                    retuned={} if rate == 0.005 else {"training.learning_rate": rate},
                    metrics={} if loss is None else {LOSS: loss},
                    status="complete" if loss is not None else "diverged",
                )
            )
    return runs


FOUR_SEEDS = {
    ("lstm", 0.005): [1.0, 1.1, 1.2, 1.3],
    ("lstm", 0.01): [1.5, 1.5, 1.5, 1.5],
    ("lstm", 0.1): [0.5, 0.5, 0.5, 0.5],
    ("gru", 0.005): [1.4, 1.5, 1.0, 1.0],
    # The best on the seeds that choose, the worst on those that judge.
    ("gru", 0.01): [0.8, 1.6, 2.0, 2.2],
    ("gru", 0.02): [1.1, 1.0, 1.05, 1.0],
}


def test_the_first_half_of_the_seeds_chooses_and_the_rest_judges() -> None:
    runs = retuned_study(FOUR_SEEDS)
    # Only one of them has runs with 0.02 and 0.1, the best of all: with these the budgets would differ.
    plain, retuned = (row_of(runs, LOSS, "gru", tuning) for tuning in ("plain", "re-tuned"))
    assert plain.num_seeds == 4 and plain.difference == pytest.approx(1.225 - 1.15)
    assert (retuned.num_seeds, retuned.mean, retuned.baseline_mean) == (2, 2.1, 1.25)
    assert retuned.verdict.endswith(
        "; re-tuned on seeds 0 and 1: training.learning_rate 0.01, baseline 0.005"
    )


@pytest.mark.parametrize(
    ("num_seeds", "choosing", "judging"),
    [(1, [0], [0]), (2, [0], [1]), (3, [0], [1, 2]), (5, [0, 1], [2, 3, 4]), (6, [0, 1, 2], [3, 4, 5])],
)
def test_no_seed_judges_what_it_chose(num_seeds: int, choosing: list[int], judging: list[int]) -> None:
    assert divide_seeds(reversed(range(num_seeds))) == (choosing, judging)


def test_two_re_tuned_seeds_leave_one_to_judge() -> None:
    runs = retuned_study({level: losses[:2] for level, losses in FOUR_SEEDS.items()})
    row = row_of(runs, LOSS, "gru", "re-tuned")
    assert row.decision == "candidate" and row.num_seeds == 1 and row.mean == 1.6
    assert row.verdict.endswith("re-tuned on seed 0: training.learning_rate 0.01, baseline 0.005")


def test_seeds_that_one_arm_lacks_neither_choose_nor_judge() -> None:
    more = {level: [9.0, *losses] if level[0] == "lstm" else losses for level, losses in FOUR_SEEDS.items()}
    row = row_of(retuned_study(more), LOSS, "gru", "re-tuned")
    assert row.num_seeds == 2 and "re-tuned on seeds 0 and 1: " in row.verdict


def test_a_diverged_judging_run_is_a_failed_pair() -> None:
    losses = FOUR_SEEDS | {("gru", 0.01): [0.8, 1.6, 2.0, None]}
    row = row_of(retuned_study(losses), LOSS, "gru", "re-tuned")
    assert (row.num_seeds, row.num_failed, row.mean) == (1, 1, 2.0)


def test_one_seed_re_tunes_itself_and_its_verdict_says_so() -> None:
    runs = retuned_study(
        {("lstm", 0.005): [1.0], ("lstm", 0.01): [0.8], ("gru", 0.005): [1.2], ("gru", 0.01): [None]}
    )
    row = row_of(runs, LOSS, "gru", "re-tuned")
    assert row.difference == pytest.approx(0.4)
    assert "; re-tuned on the same seed it is judged on: " in row.verdict


def test_a_re_tuned_effect_needs_re_tuned_runs_in_both_arms() -> None:
    runs = retuned_study({("lstm", 0.005): [1.0, 1.1], ("gru", 0.005): [1.2, 1.1], ("gru", 0.01): [1.0, 1.0]})
    assert {row.tuning for row in rows_of(runs)} == {"plain"}


def test_the_value_with_the_lowest_mean_loss_is_chosen() -> None:
    losses = {"a": {0: 1.0, 1: 1.0, 2: 1.0}, "b": {0: 0.0, 1: 1.1, 2: 1.1}}
    assert [best_value(losses, seeds) for seeds in ([0], [1, 2], [0, 1])] == ["b", "a", "b"]
    assert best_value({"a": {0: 5.0, 1: 5.0}, "b": {0: 1.0, 1: math.inf}}, [0, 1]) == "a"
    assert best_value({"a": {0: 5.0, 1: 5.0}, "b": {0: 1.0}}, [0, 1]) == "a"
    assert best_value({"a": {0: 1.0}, "b": {0: 1.0}}, [0]) == "a"
