"""Winning changes, and their joint effect next to the sum of the single ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from musicgen.effects.joint import Additivity, additivity, winning_levels
from musicgen.effects.pairing import PairedRuns, pair_runs
from tests.records.made_runs import LOSS, RATE, made_run, written

FOUND = Additivity("fit/validation_loss", ("model=gru", "seed=1"), 3, -0.30, -0.10, 0.20, 0.15, 0.25)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ": less than the sum by 0.20 [0.15, 0.25], 3 seeds"),
        (
            {"joint": -0.4, "beyond_sum": -0.1, "low": -0.15, "high": -0.05},
            ": more than the sum by 0.10 [0.05, 0.15], 3 seeds",
        ),
        (
            {"joint": 0.1, "beyond_sum": 0.4, "low": 0.3, "high": 0.5},
            ": less than the sum by 0.40 [0.30, 0.50], 3 seeds",
        ),
        (
            {"beyond_sum": 0.02, "low": -0.05, "high": 0.09},
            "add up as far as this design can tell: difference from the sum +0.02 [−0.05, +0.09], 3 seeds",
        ),
        ({"low": math.nan, "high": math.nan}, "cannot be told from 3 seeds without any spread"),
        ({"low": math.nan, "high": math.nan, "num_seeds": 1}, "cannot be told from 1 seed of at least 3"),
        ({"num_seeds": 2}, "cannot be told from 2 seeds of at least 3"),
    ],
)
def test_sum_and_joint_effect_are_judged(changes: dict[str, float], words: str) -> None:
    assert replace(FOUND, **changes).sentence.endswith(words)


def test_the_sentence_is_as_precise_as_its_interval() -> None:
    assert FOUND.sentence.startswith(
        "validation loss: the single effects of model=gru and seed=1 sum to −0.30; together they give −0.10: "
    )
    alone = replace(FOUND, low=math.nan, high=math.nan)
    assert "sum to −0.3000; together they give −0.1000: whether" in alone.sentence


CHANGES = {
    "baseline": None,
    "gru": ("model", "gru", "lstm"),
    "rate": ("training.learning_rate", 0.005, 0.01),
    "joint": ("combined", "model=gru, training.learning_rate=5e-3", None),
}
LOSSES: dict[str, Sequence[float | None]] = {
    "baseline": [2.0, 2.1, 2.2],
    "gru": [1.8, 1.91, 2.0],
    "rate": [1.9, 2.0, 2.12],
    "joint": [1.75, 1.83, 1.95],
}


def combined(
    losses: Mapping[str, Sequence[float | None]], metric: str = LOSS, num_tunes: int = 200
) -> PairedRuns:
    """A study of two changes, alone and together: arm -> value of each seed."""
    runs = [
        made_run(
            f"sweep/{name}/seed={seed}",
            seed=seed,
            change=CHANGES[name],
            metrics={} if value is None else {metric: value},
            overrides={
                "model.cell": "gru" if name in ("gru", "joint") else "lstm",
                "training.learning_rate": 0.005 if name in ("rate", "joint") else 0.01,
                "sampling.num_tunes": num_tunes,
            },
        )
        for name, column in losses.items()
        for seed, value in enumerate(column)
    ]
    return pair_runs(runs)


def test_a_joint_effect_is_compared_with_the_sum_seed_by_seed() -> None:
    (found,) = additivity(combined(LOSSES))
    assert (found.changes, found.num_seeds) == (("model=gru", "training.learning_rate=0.005"), 3)
    contrast = np.array([1.75 - 1.8 - 1.9 + 2.0, 1.83 - 1.91 - 2.0 + 2.1, 1.95 - 2.0 - 2.12 + 2.2])
    interval = stats.ttest_1samp(contrast, 0).confidence_interval()
    assert (found.beyond_sum, found.low, found.high) == pytest.approx((contrast.mean(), *interval))
    assert found.sum_of_singles == pytest.approx(-0.29)
    assert found.joint == pytest.approx(found.sum_of_singles + found.beyond_sum)


def test_shares_add_up_in_log_odds() -> None:
    odds = {"baseline": [1.0, 1.2, 1.1], "gru": [3.0, 3.5, 3.4], "rate": [4.0, 4.6, 4.5]}
    joint = [rate * gru / one for one, gru, rate in zip(*odds.values(), strict=True)]
    shares = {name: [one / (1 + one) for one in column] for name, column in (odds | {"joint": joint}).items()}
    (found,) = additivity(combined(shares, RATE, num_tunes=100_000))
    assert found.beyond_sum == pytest.approx(0, abs=1e-4) and found.low < 0 < found.high
    # From 0.52 to 0.77 and to 0.80: as shares they would sum to more than 1.
    assert found.joint == pytest.approx(found.sum_of_singles, abs=1e-4)
    assert found.joint == pytest.approx(0.40, abs=0.01)
    low = {name: [one - 0.01 * place for place, one in enumerate(column)] for name, column in shares.items()}
    (lower,) = additivity(combined(low | {"joint": [0.8, 0.81, 0.79]}, RATE))
    assert lower.sentence.startswith("sound rate: ") and ": less than the sum by 0." in lower.sentence


@pytest.mark.parametrize(
    "text",
    [
        'sampling.prompts=["X:", "K:D"] training.gradient_clip=null',
        "sampling.prompts=['X:', 'K:D'] training.gradient_clip=None",
    ],
)
def test_lists_and_null_add_up_like_other_levels(text: str) -> None:
    prompts, clip = ("sampling.prompts", ["X:", "K:D"]), ("training.gradient_clip", None)
    arms: dict[str, tuple[tuple[str, object, object] | None, list[tuple[str, object]]]] = {
        "baseline": (None, []),
        "gru": ((*prompts, ["X:1\n"]), [prompts]),
        "rate": ((*clip, 1.0), [clip]),
        "joint": (("combined", text, None), [prompts, clip]),
    }
    runs = [
        made_run(
            f"sweep/{name}/seed={seed}",
            seed=seed,
            change=change,
            metrics={LOSS: LOSSES[name][seed]},
            overrides=dict(levels),
        )
        for name, (change, levels) in arms.items()
        for seed in range(3)
    ]
    (found,) = additivity(pair_runs(runs))
    assert found.changes == ('sampling.prompts=["X:", "K:D"]', "training.gradient_clip=null")
    assert found.joint == pytest.approx(found.sum_of_singles + found.beyond_sum)


def test_only_seeds_of_all_arms_are_compared() -> None:
    (found,) = additivity(combined(LOSSES | {"gru": [1.8, None, 2.0]}))
    assert found.num_seeds == 2
    (found,) = additivity(combined(LOSSES | {"joint": [1.75, None, None]}))
    assert found.sentence.endswith("whether they add up cannot be told from 1 seed of at least 3")
    (found,) = additivity(combined({name: [column[0]] * 3 for name, column in LOSSES.items()}))
    assert found.sentence.endswith("cannot be told from 3 seeds without any spread")


@pytest.mark.parametrize(
    "missing",
    [{"rate": []}, {"joint": []}, {"gru": [None] * 3}, {"joint": [None] * 3}],
)
def test_a_missing_single_effect_leaves_additivity_open(missing: dict[str, list[None]]) -> None:
    assert additivity(combined(LOSSES | missing)) == []


LEVELS = {
    None: [1.20, 1.21, 1.22, 1.20],
    ("training.learning_rate", 0.01): [1.10, 1.11, 1.12, 1.11],
    ("training.learning_rate", 0.02): [1.15, 1.16, 1.17, 1.15],
    ("model.cell", "gru"): [1.25, 1.26, 1.27, 1.26],
    ("model.hidden_size", 128): [1.00, 1.40, 1.10, 1.30],
}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two learning rates help, a cell harms, and the effect of a size is unknown."""
    for level, losses in LEVELS.items():
        for seed, loss in enumerate(losses):
            change = None if level is None else (*level, "the baseline's")
            run = made_run(
                f"sweep/{level}/seed={seed}",
                seed=seed,
                change=change,
                overrides=None if level is None else {level[0]: level[1]},
                metrics={LOSS: loss, RATE: 1.6 - loss},
            )
            written(run, tmp_path)
    return tmp_path / "sweep"


def test_the_best_proven_level_of_a_parameter_wins(sweep: Path) -> None:
    assert winning_levels(sweep, LOSS) == {("training.learning_rate", 0.01)}


def test_higher_is_better_for_a_rate(sweep: Path) -> None:
    assert winning_levels(sweep, RATE) == {("training.learning_rate", 0.01)}
