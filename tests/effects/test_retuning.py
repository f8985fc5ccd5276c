import math

import pytest

from musicgen.effects.retuning import best_value
from musicgen.records.runs import FoundRun
from tests.effects.test_table import row_of, rows_of
from tests.records.made_runs import LOSS, made_run


def retuned_study(losses: dict[tuple[str, float], list[float | None]]) -> list[FoundRun]:
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


def test_a_level_is_re_tuned_on_the_other_seeds() -> None:
    runs = retuned_study(
        {
            ("lstm", 0.005): [1.0, 1.1, 1.2],
            ("lstm", 0.01): [1.5, 1.5, 1.5],
            ("lstm", 0.1): [0.5, 0.5, 0.5],
            ("gru", 0.005): [1.4, 1.5, 1.6],
            # The best on seed 0 alone, but the others decide for it.
            ("gru", 0.01): [0.8, 2.0, 2.0],
            ("gru", 0.02): [1.1, 1.0, 1.05],
        }
    )
    # Only one of them has runs with 0.02 and 0.1, the best of all: with these the budgets would differ.
    plain, retuned = (row_of(runs, LOSS, "gru", tuning) for tuning in ("plain", "re-tuned"))
    assert plain.difference == pytest.approx(0.4)
    # Seeds 1 and 2 choose 0.005 for seed 0, which makes them choose 0.01 for each other.
    assert retuned.mean == pytest.approx((1.4 + 2.0 + 2.0) / 3)
    assert retuned.baseline_mean == pytest.approx(1.1)


def test_one_seed_re_tunes_itself_and_its_verdict_says_so() -> None:
    runs = retuned_study(
        {("lstm", 0.005): [1.0], ("lstm", 0.01): [0.8], ("gru", 0.005): [1.2], ("gru", 0.01): [None]}
    )
    row = row_of(runs, LOSS, "gru", "re-tuned")
    assert row.difference == pytest.approx(0.4)
    assert row.verdict.endswith("re-tuned on the same seed it is judged on")


def test_a_re_tuned_effect_needs_re_tuned_runs_in_both_arms() -> None:
    runs = retuned_study({("lstm", 0.005): [1.0, 1.1], ("gru", 0.005): [1.2, 1.1], ("gru", 0.01): [1.0, 1.0]})
    assert {row.tuning for row in rows_of(runs)} == {"plain"}


def test_re_tuning_ignores_its_own_seed_and_failed_runs() -> None:
    losses = {"a": {0: 1.0, 1: 1.0, 2: 1.0}, "b": {0: 0.0, 1: 1.1, 2: 1.1}}
    assert [best_value(losses, seed) for seed in (0, 1, 2)] == ["a", "b", "b"]
    assert best_value({"a": {0: 5.0, 1: 5.0}, "b": {0: 1.0, 1: math.inf}}, 0) == "a"
    assert best_value({"a": {0: 5.0, 1: 5.0}, "b": {0: 1.0}}, 0) == "a"
    assert best_value({"a": {0: 5.0}, "b": {0: 1.0}}, 0) == "b"
