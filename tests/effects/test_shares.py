"""Shares as logits and back, by hand; test_statistics.py tests what intervals promise."""

import numpy as np
import pytest
from scipy.special import expit

from musicgen.effects.shares import empirical_logit, rounding_variance, share_difference, share_interval

NOTHING = (np.array(0.0), np.array(0.0))
"""Least variances of shares that are known exactly."""


def test_a_logit_counts_half_a_thing_more_of_each_kind() -> None:
    assert empirical_logit([0.0, 0.5, 1.0], [4, 4, 9]) == pytest.approx(
        [np.log(0.5 / 4.5), 0.0, np.log(9.5 / 0.5)]
    )


def test_the_rounding_variance_is_that_of_a_step() -> None:
    # Of 3 things and of 1: shares 2.5 / 4 and 0.5 / 2, slopes of the logit there.
    steps = [1 / (3 * 2.5 / 4 * 1.5 / 4), 1 / (1 * 0.5 / 2 * 1.5 / 2)]
    assert rounding_variance([2 / 3, 0.0], [3, 1]) == pytest.approx(np.mean(np.square(steps)) / 12)


def test_a_difference_of_logits_as_one_of_shares() -> None:
    assert share_difference(np.log(3), 0.0) == pytest.approx(0.25)
    assert share_difference(-np.log(3), 0.0) == pytest.approx(-0.25)
    assert share_difference(0.0, 2.0) == 0


def intervals(first: list[float], second: list[float], quantile: float = 2.0) -> tuple[float, float]:
    logits = np.array(first), np.array(second)
    side = np.sign(logits[1].mean() - logits[0].mean())
    low, high = share_interval(logits, NOTHING, quantile, (np.array(side), np.array(side)))
    return float(low), float(high)


def test_uncorrelated_arms_add_their_squared_reaches() -> None:
    # Both have the standard deviation 1, and a correlation of 0.
    first, second = [-1.0, 0.0, 1.0], [3 + 1 / np.sqrt(3), 3 - 2 / np.sqrt(3), 3 + 1 / np.sqrt(3)]
    reach = 2 / np.sqrt(3)
    difference = expit(3) - expit(0)
    down, up = expit(3) - expit(3 - reach), expit(reach) - expit(0)
    low, high = intervals(first, second)
    assert low == pytest.approx(difference - np.hypot(down, up))
    assert high == pytest.approx(difference + np.hypot(expit(3 + reach) - expit(3), expit(0) - expit(-reach)))


def test_correlated_arms_have_narrower_intervals() -> None:
    first, second = [-1.0, 0.0, 1.0], [2.0, 3.0, 4.0]
    difference = expit(3) - expit(0)
    reach = 2 / np.sqrt(3)
    down, up = expit(3) - expit(3 - reach), expit(reach) - expit(0)
    assert intervals(first, second)[0] == pytest.approx(difference - abs(down - up))
    assert intervals(first, second[::-1])[0] == pytest.approx(difference - (down + up))


def test_an_end_is_zero_where_the_test_disagrees_about_zero() -> None:
    logits = np.array([-1.0, 0.0, 1.0]), np.array([0.0, 0.1, -0.1])
    inside, outside = (np.array(-1.0), np.array(1.0)), (np.array(0.1), np.array(1.0))
    low, high = share_interval(logits, NOTHING, 2.0, inside)
    assert low < 0 < high
    assert share_interval(logits, NOTHING, 2.0, outside) == (0.0, high)
    below = (np.array(-1.0), np.array(-0.1))
    assert share_interval(logits, NOTHING, 2.0, below) == (low, 0.0)
    nothing = (np.array(np.nan), np.array(np.nan))
    assert np.isnan(share_interval(logits, NOTHING, 2.0, nothing)).all()


def test_a_spread_is_at_least_the_rounding_of_its_shares() -> None:
    logits = np.array([0.0, 1e-9]), np.array([1.0, 1.0 - 1e-9])
    sides = (np.array(1.0), np.array(1.0))
    low, high = share_interval(logits, (np.array(0.5), np.array(0.5)), 1.0, sides)
    reach = np.sqrt(0.5 / 2)
    down, up = expit(1) - expit(1 - reach), expit(reach) - expit(0)
    assert low == pytest.approx(expit(1) - expit(0) - np.hypot(down, up), abs=1e-6)
    assert high - (expit(1) - expit(0)) == pytest.approx(
        np.hypot(expit(1 + reach) - expit(1), expit(0) - expit(-reach)), abs=1e-6
    )


def test_one_seed_has_no_interval() -> None:
    nothing = (np.array(np.nan), np.array(np.nan))
    assert np.isnan(share_interval((np.zeros(1), np.ones(1)), NOTHING, 2.0, nothing)).all()
