import math

import pytest

from musicgen.effects.answers import Answer, MetricAnswers, Outcome
from musicgen.reporting.forest import Axis, draw_forest
from tests.effects.made_effects import made_effect
from tests.records.made_runs import LOSS

NOTHING = (math.nan, math.nan, math.nan)


def answers(*differences: tuple[float, float, float]) -> MetricAnswers:
    names = ("difference", "ci_low", "ci_high")
    effects = [made_effect(**dict(zip(names, numbers, strict=True))) for numbers in differences]
    answers = tuple(Answer("a", Outcome.UNCLEAR, effect) for effect in effects)
    return MetricAnswers(LOSS, "Loss", "", answers)


def test_positions_keep_order_and_distances() -> None:
    forest = draw_forest(answers((-0.1, -0.2, 0.0), (0.1, 0.0, 0.2)), margin=0.05)
    assert forest is not None and forest.margin is not None
    low, high = forest.strips
    assert low.low is not None and low.centre is not None and high.high is not None
    assert low.high == high.low == forest.zero == pytest.approx(50)
    assert low.low == pytest.approx(100 - high.high)
    assert forest.zero - low.centre == pytest.approx((forest.zero - low.low) / 2, abs=0.02)
    assert forest.margin == (pytest.approx((low.centre + forest.zero) / 2, abs=0.02), pytest.approx(22.32))
    zero = next(tick for tick in forest.ticks if tick.label == "0")
    assert zero.place == forest.zero


def test_one_huge_interval_does_not_flatten_the_others() -> None:
    small = [(0.01, 0.0, 0.02)] * 6
    forest = draw_forest(answers(*small, (5.0, -5.0, 9.0)), margin=None)
    assert forest is not None and forest.margin is None
    *others, huge = forest.strips
    assert (huge.low, huge.centre, huge.high) == (0.0, 100.0, 100.0)
    assert others[0].centre is not None and others[0].centre - forest.zero > 5


def test_a_difference_without_an_interval_is_a_point() -> None:
    forest = draw_forest(answers((0.1, math.nan, math.nan), NOTHING), margin=None)
    assert forest is not None
    point, nothing = forest.strips
    assert point.centre is not None and point.low is None
    assert (nothing.centre, nothing.low, nothing.high) == (None, None, None)
    assert draw_forest(answers(NOTHING), margin=0.1) is None


def test_a_zero_difference_is_in_the_middle() -> None:
    forest = draw_forest(answers((0.0, math.nan, math.nan)), margin=None)
    assert forest is not None and forest.strips[0].centre == forest.zero == 50
    assert Axis(-1.0, 1.0).place(99.0) == 100.0
