"""The sentence on a joint effect, and the table rows that it is made of."""

import math
from dataclasses import replace

import pytest
from pandas import DataFrame

from musicgen.effects.additivity import Additivity, additivity

FOUND = Additivity("fit/validation_loss", ("model=gru", "seed=1"), -0.30, -0.10, -0.15, -0.05)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "less than the sum"),
        ({"joint": -0.4, "low": -0.45, "high": -0.35}, "more than the sum"),
        ({"joint": 0.1, "low": 0.05, "high": 0.15}, "together they do the opposite"),
        (
            {"sum_of_singles": -0.15},
            "the sum lies inside the interval: they add up as far as this design can tell",
        ),
        (
            {"sum_of_singles": -0.05},
            "the sum lies inside the interval: they add up as far as this design can tell",
        ),
        ({"sum_of_singles": 0.0}, "more than the sum"),
        ({"low": math.nan, "high": math.nan}, "no interval, so nothing is said of whether they add up"),
    ],
)
def test_what_is_said_of_sum_and_joint_effect(changes: dict[str, float], words: str) -> None:
    assert replace(FOUND, **changes).sentence.endswith(f"; {words}")


def test_the_sentence_has_the_places_that_its_interval_can_tell_apart() -> None:
    assert FOUND.sentence.startswith(
        "validation loss: model=gru and seed=1 sum to -0.30 one by one, "
        "together they do -0.10 [-0.15, -0.05];"
    )
    assert FOUND.has_interval
    alone = replace(FOUND, low=math.nan, high=math.nan)
    assert "sum to -0.3000 one by one, together they do -0.1000; no interval" in alone.sentence


def row(parameter: str, value: object, difference: float, **more: object) -> dict[str, object]:
    cells: dict[str, object] = {
        "parameter": parameter,
        "value": value,
        "metric": "fit/validation_loss",
        "difference": difference,
        "ci_low": difference - 0.1,
        "ci_high": difference + 0.1,
        "tuning": "plain",
        "family": "primary",
    }
    return cells | more


JOINT = row("combined", "model=gru, training.learning_rate=5e-3", -0.5)
GRU, RATE = row("model", "gru", -0.2), row("training.learning_rate", 0.005, -0.1)


def test_a_joint_effect_is_beside_those_of_its_changes_however_their_numbers_are_written() -> None:
    others = [row("model", "lstm", 9.0), row("training.learning_rate", 0.05, 9.0), row("seed", "gru", 9.0)]
    (found,) = additivity(DataFrame([JOINT, GRU, RATE, *others]))
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
        [GRU, RATE],
        [JOINT, GRU, row("training.learning_rate", 0.005, math.nan)],
        [JOINT, GRU, row("training.learning_rate", 0.005, -0.1, tuning="re-tuned")],
        [JOINT, GRU, row("training.learning_rate", 0.005, -0.1, metric="validity/tune_rate")],
        [JOINT | {"family": "exploratory"}, GRU, RATE],
        [row("combined", "", -0.5), GRU, RATE],
    ],
)
def test_nothing_is_said_where_a_single_effect_is_missing(rows: list[dict[str, object]]) -> None:
    assert additivity(DataFrame(rows)) == []
