"""Winning changes, and their joint effect next to the sum of the single ones."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from musicgen.effects.effect import Effect
from musicgen.effects.joint import Additivity, additivity, winning_levels
from tests.effects.made_effects import made_effect
from tests.records.made_runs import LOSS, RATE, made_run, written

FOUND = Additivity("fit/validation_loss", ("model=gru", "seed=1"), -0.30, -0.10, -0.15, -0.05)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "less than the sum"),
        ({"joint": -0.4, "low": -0.45, "high": -0.35}, "more than the sum"),
        ({"joint": 0.1, "low": 0.05, "high": 0.15}, "the opposite of the sum"),
        ({"sum_of_singles": -0.15}, "so they add up as far as this design can tell"),
        ({"sum_of_singles": -0.05}, "so they add up as far as this design can tell"),
        ({"sum_of_singles": 0.0}, "more than the sum"),
        ({"low": math.nan, "high": math.nan}, "whether they add up is open"),
    ],
)
def test_sum_and_joint_effect_are_judged(changes: dict[str, float], words: str) -> None:
    assert replace(FOUND, **changes).sentence.endswith(words)


def test_the_sentence_is_as_precise_as_its_interval() -> None:
    assert FOUND.sentence.startswith(
        "validation loss: the single effects of model=gru and seed=1 sum to −0.30; "
        "together they give −0.10 [−0.15, −0.05]: "
    )
    alone = replace(FOUND, low=math.nan, high=math.nan)
    assert "sum to −0.3000; together they give −0.1000: without an interval" in alone.sentence


def row(parameter: str, value: object, difference: float, **more: Any) -> Effect:
    interval: dict[str, Any] = {"ci_low": difference - 0.1, "ci_high": difference + 0.1}
    return made_effect(parameter, value, difference=difference, **interval | more)


JOINT = row("combined", "model=gru, training.learning_rate=5e-3", -0.5)
GRU, LOWER = row("model", "gru", -0.2), row("training.learning_rate", 0.005, -0.1)


def test_a_joint_effect_finds_its_single_changes() -> None:
    others = [row("model", "lstm", 9.0), row("training.learning_rate", 0.05, 9.0), row("seed", "gru", 9.0)]
    (found,) = additivity([JOINT, GRU, LOWER, *others])
    assert found == Additivity(
        "fit/validation_loss",
        ("model=gru", "training.learning_rate=0.005"),
        pytest.approx(-0.3),  # pyright: ignore[reportArgumentType]
        -0.5,
        -0.6,
        -0.4,
    )


@pytest.mark.parametrize(
    "rows",
    [
        [JOINT, GRU],
        [JOINT],
        [GRU, LOWER],
        [JOINT, GRU, row("training.learning_rate", 0.005, math.nan)],
        [JOINT, GRU, row("training.learning_rate", 0.005, -0.1, tuning="re-tuned")],
        [JOINT, GRU, row("training.learning_rate", 0.005, -0.1, metric="validity/sound_rate")],
        [replace(JOINT, family="exploratory"), GRU, LOWER],
        [row("combined", "", -0.5), GRU, LOWER],
    ],
)
def test_a_missing_single_effect_leaves_additivity_open(rows: list[Effect]) -> None:
    assert additivity(rows) == []


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
