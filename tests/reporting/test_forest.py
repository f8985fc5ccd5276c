import math
from dataclasses import replace

import pytest

from musicgen.effects.answers import Answer, MetricAnswers, Outcome
from musicgen.effects.effect import Grade
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
    assert low.answer.effect.difference < 0
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
    huge, *others = forest.strips
    assert (huge.low, huge.centre, huge.high) == (0.0, None, 100.0)
    assert (huge.below, huge.above) == ("◂ −5", "+5 ▸")
    assert others[0].centre is not None and others[0].centre - forest.zero > 5
    assert {(strip.below, strip.above) for strip in others} == {("", "")}


def test_an_interval_that_the_axis_cuts_says_its_end() -> None:
    forest = draw_forest(answers(*[(0.01, 0.0, 0.02)] * 6, (0.02, 0.01, 7.25)), margin=None)
    assert forest is not None
    cut = forest.strips[0]
    assert (cut.below, cut.above, cut.high) == ("", "+7.2 ▸", 100.0)
    assert cut.centre is not None


def test_the_largest_difference_comes_first() -> None:
    forest = draw_forest(answers((0.1, 0.0, 0.2), NOTHING, (-0.3, -0.4, -0.2), (0.2, 0.1, 0.3)), margin=None)
    assert forest is not None
    assert [strip.answer.effect.difference for strip in forest.strips[:3]] == [-0.3, 0.2, 0.1]
    assert math.isnan(forest.strips[3].answer.effect.difference)


def test_what_a_change_cannot_move_has_no_strip() -> None:
    still = answers((0.0, 0.0, 0.0), (0.1, 0.0, 0.2))
    unmoved = replace(still.answers[0].effect, grade=Grade.IMPOSSIBLE)
    still = replace(still, answers=(replace(still.answers[0], effect=unmoved), still.answers[1]))
    forest = draw_forest(still, margin=None)
    assert forest is not None and [strip.answer for strip in forest.strips] == [still.answers[1]]
    assert draw_forest(replace(still, answers=still.answers[:1]), margin=None) is None


def test_the_axis_of_a_share_ends_at_the_largest_possible_difference() -> None:
    shares = answers((0.5, -1.4, 0.9), (0.2, -0.9, 1.2))
    forest = draw_forest(replace(shares, metric="similarity/musical_auc"), margin=None)
    assert forest is not None
    labels = [tick.label for tick in forest.ticks]
    assert labels[0] == "−1" and labels[-1] == "+1"
    assert (forest.strips[0].low, forest.strips[1].high) == (0.0, 100.0)
    assert not any(strip.below or strip.above for strip in forest.strips)


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
