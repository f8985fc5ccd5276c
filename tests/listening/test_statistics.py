"""The statistics of ratings, compared with other implementations and with simulations."""

import math

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from benchmarks.listening import (
    Design,
    binomial_claims,
    draw_choices,
    excludes,
    judge_choices,
    judge_runs,
    judge_tunes,
)
from benchmarks.simulated_noise import Noise
from musicgen.listening.statistics import alpha, mean_rating, rank_correlation, share_chosen


def test_one_listeners_interval_is_that_of_a_t_test() -> None:
    ratings = [4.0, 2, 5, 3, 3, 4, 1, 5]
    found = mean_rating([ratings])
    low, high = stats.ttest_1samp(ratings, 0).confidence_interval()
    # The bootstrap divides by n, the t test by n - 1.
    shrink = math.sqrt((len(ratings) - 1) / len(ratings))
    middle = np.mean(ratings)
    assert found.value == middle
    assert found.low == pytest.approx(middle - shrink * (middle - low), abs=0.05)
    assert found.high == pytest.approx(middle + shrink * (high - middle), abs=0.05)


@pytest.mark.slow
def test_the_interval_is_that_of_a_pigeonhole_bootstrap() -> None:
    rng = np.random.default_rng(1)
    ratings = rng.integers(1, 6, (4, 6)).astype(float)
    ratings[0, 2] = ratings[3, 5] = math.nan
    means = [np.nanmean(ratings[np.ix_(rng.integers(0, 4, 4), rng.integers(0, 6, 6))]) for _ in range(20_000)]
    found = mean_rating(ratings)
    rows, columns = np.nanmean(ratings, axis=1), np.nanmean(ratings, axis=0)
    first, second = rows.var(ddof=1) / 4, columns.var(ddof=1) / 6
    freedom = (first + second) ** 2 / (first**2 / 3 + second**2 / 5)
    reach = stats.t.ppf(0.975, freedom) * np.std(means)
    assert found.value == pytest.approx(np.nanmean(ratings))
    assert found.high - found.value == pytest.approx(reach, rel=0.06)
    assert found.value - found.low == pytest.approx(found.high - found.value)


@pytest.mark.slow
@pytest.mark.parametrize(("num_listeners", "num_tunes"), [(1, 8), (3, 8), (5, 12)])
def test_intervals_of_means_cover_the_truth(num_listeners: int, num_tunes: int) -> None:
    rng = np.random.default_rng(num_listeners)
    hits, studies = 0, 300
    for _ in range(studies):
        listeners = 0.5 * rng.normal(size=(num_listeners, 1)) if num_listeners > 1 else 0.0
        tunes = 0.6 * rng.normal(size=(1, num_tunes))
        ratings = np.clip(
            np.round(3 + listeners + tunes + 0.6 * rng.normal(size=(num_listeners, num_tunes))), 1, 5
        )
        found = mean_rating(ratings)
        hits += found.low <= 3 <= found.high
    # 95 % ± the sampling error of 300 studies.
    assert 0.91 <= hits / studies <= 0.985


def test_ratings_without_spread_have_no_interval() -> None:
    assert mean_rating([[4.0, 4, 4]]).value == 4
    for ratings in ([[4.0, 4, 4]], [[3.0]], [[math.nan]]):
        assert math.isnan(mean_rating(ratings).low)


def test_rank_correlation_agrees_with_scipy() -> None:
    first, second = [1.0, 2, 2, 4, 5, 7, 9], [2.0, 1, 3, 3, 8, 6, 7]
    found = rank_correlation(first, second)
    rho = float(stats.spearmanr(first, second)[0])  # pyright: ignore[reportArgumentType]
    assert found.value == pytest.approx(rho)
    width = stats.norm.ppf(0.975) * math.sqrt((1 + rho**2 / 2) / (7 - 3))
    assert math.atanh(found.high) - math.atanh(found.low) == pytest.approx(2 * width)
    assert math.isnan(rank_correlation([1.0, 1, 1, 1], [1.0, 2, 3, 4]).value)
    assert math.isnan(rank_correlation([1.0, 2, 3], [1.0, 3, 2]).low)


@pytest.mark.slow
def test_intervals_of_rank_correlations_cover_the_truth() -> None:
    rng = np.random.default_rng(5)
    truth = 6 / math.pi * math.asin(0.6 / 2)  # Spearman's ρ of normal variables with correlation 0.6
    found = [
        rank_correlation(*rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=16).T)
        for _ in range(400)
    ]
    assert 0.92 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.985


def test_a_correlation_within_groups_is_that_of_deviations() -> None:
    rng = np.random.default_rng(4)
    arms, seeds = np.repeat([0, 1, 2], 4), np.tile([0, 1, 2, 3], 3)
    first, second = rng.normal(size=(2, 12)) + 5 * arms
    assert rank_correlation(first, second).value > 0.5
    found = rank_correlation(first, second, arms.tolist())

    def ranked(values: np.ndarray) -> np.ndarray:
        means = np.array([values[arms == arm].mean() for arm in arms])
        ranks = stats.rankdata(values - means)
        return ranks - np.array([ranks[arms == arm].mean() for arm in arms])

    expected = float(np.corrcoef(ranked(first), ranked(second))[0, 1])
    assert found.value == pytest.approx(expected)
    # Three means are taken out of twelve values, which leaves ten as in a partial correlation.
    width = stats.norm.ppf(0.975) * math.sqrt((1 + expected**2 / 2) / (10 - 3))
    assert math.atanh(found.high) - math.atanh(found.low) == pytest.approx(2 * width)
    # With seeds, seven values are left, whatever the seeds add to both.
    both = [arms.tolist(), seeds.tolist()]
    apart = rank_correlation(first, second, *both)
    assert rank_correlation(first + 9 * seeds, second - 9 * seeds, *both).value == pytest.approx(apart.value)
    width = stats.norm.ppf(0.975) * math.sqrt((1 + apart.value**2 / 2) / (7 - 3))
    assert math.atanh(apart.high) - math.atanh(apart.low) == pytest.approx(2 * width)


def test_too_few_values_within_groups_have_no_correlation() -> None:
    four, arms, seeds = [1.0, 4, 2, 3], ["a", "a", "b", "b"], [0, 1, 0, 1]
    assert math.isnan(rank_correlation(four, four, arms, seeds).value)
    within = rank_correlation(four, four, arms)
    assert within.value == pytest.approx(1) and math.isnan(within.low)
    assert math.isnan(rank_correlation([1.0, 1, 2, 2, 2], [1.0, 2, 3, 4, 5], ["a", "a", "b", "b", "b"]).value)


@pytest.mark.slow
def test_metrics_of_arms_do_not_pass_for_agreement() -> None:
    noise = Noise(
        np.array([-1.0, 0.0, 1.0]),
        np.array([-0.5, 0.0, 0.5]),
        rate_logit=0,
        rate_shared=0,
        rate_own=0,
        num_tunes=1,
    )
    for found in (judge_tunes((4, 5, 4), 600), judge_runs((4, 5), noise, 600)):
        assert found["before"] > 0.1 and found["claims"] <= 0.07 and found["coverage"] >= 0.92


def test_the_share_of_one_listener_has_the_interval_of_a_t_test() -> None:
    chosen = [3.0, 4, 2, 4, 1]
    found = share_chosen([chosen], [[4.0] * 5])
    test = stats.ttest_1samp(np.array(chosen) / 4, 0.5)
    interval = test.confidence_interval()
    assert found.value == pytest.approx(0.7)
    assert (found.low, found.high) == pytest.approx((interval.low, min(interval.high, 1)))
    assert found.p_value == pytest.approx(float(test[1]))  # pyright: ignore[reportArgumentType]


def test_listeners_and_units_both_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    judged = np.full((5, 4), 6.0)
    chosen = rng.binomial(6, 0.5 + 0.1 * rng.normal(size=(5, 1)) + 0.1 * rng.normal(size=(1, 4))).astype(
        float
    )
    found = share_chosen(chosen, judged)
    cells = chosen / 6
    rows, columns = cells.mean(axis=1).var(ddof=1) / 5, cells.mean(axis=0).var(ddof=1) / 4
    rest = cells - cells.mean(axis=1, keepdims=True) - cells.mean(axis=0) + cells.mean()
    both = (rest**2).sum() / (4 * 3) / 20
    assert found.error == pytest.approx(math.sqrt(max(rows + columns - both, rows, columns)))
    t = (rows * stats.t.ppf(0.975, 4) + columns * stats.t.ppf(0.975, 3)) / (rows + columns)
    assert found.high - found.value == pytest.approx(t * found.error)
    assert found.reach(1 - found.p_value) == pytest.approx(abs(found.value - 0.5))


def test_unanimous_choices_are_not_certain() -> None:
    four, many = (share_chosen([[1.0] * size], [[1.0] * size]) for size in (4, 24))
    assert four.low < 0.5 < many.low < 1 == many.high
    assert four.p_value > 0.05 > many.p_value > 0
    # Two listeners are as few as two.
    assert share_chosen(np.full((2, 3), 4.0), np.full((2, 3), 4.0)).low < 0.5
    assert share_chosen(np.full((3, 3), 8.0), np.full((3, 3), 8.0)).low > 0.5
    even = share_chosen(np.full((3, 3), 4.0), np.full((3, 3), 8.0))
    assert even.p_value == 1 and even.low < 0.5 < even.high
    assert math.isnan(share_chosen([[1.0]], [[1.0]]).low) and math.isnan(
        share_chosen([[1.0]], [[1.0]]).p_value
    )


@pytest.mark.parametrize(
    "numbers",
    [(3, 24, 4), (5, 24, 5), (10, 24, 3)],
)
def test_no_preference_is_claimed_without_one(numbers: tuple[int, int, int]) -> None:
    rng, design = np.random.default_rng(6), Design(*numbers)
    spread = (0.6, 0.6, 0.8, 0.3)
    chosen, truth = draw_choices(design, spread, 0.0, 600, rng)
    assert binomial_claims(chosen) > 0.2
    assert excludes(judge_choices(design, chosen), truth).mean() <= 0.075
    chosen, truth = draw_choices(design, spread, 0.8, 600, rng)
    assert excludes(judge_choices(design, chosen), truth).mean() <= 0.075
    # An arm that is always preferred is found.
    found = judge_choices(design, rng.random(chosen.shape) < 0.97)
    assert np.mean(found.low > 0.5) > 0.9


def test_alpha_matches_the_published_example() -> None:
    # Krippendorff (2011), part C: four observers, twelve units, ordinal data, alpha 0.815.
    nothing = math.nan
    ratings = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nothing, nothing, nothing],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nothing, 3],
        [nothing, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nothing],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nothing],
    ]
    assert alpha(ratings) == pytest.approx(0.815, abs=0.001)
    assert math.isnan(alpha([[1.0, 2, 3]]))
    assert math.isnan(alpha([[3.0, 3], [3.0, 3]]))


@given(
    arrays(
        float, st.tuples(st.integers(2, 5), st.integers(1, 8)), elements=st.sampled_from([1, 2, 4, math.nan])
    )
)
def test_alpha_equals_that_of_the_package_krippendorff(ratings: np.ndarray) -> None:
    shared = ratings[:, np.isfinite(ratings).sum(axis=0) >= 2]
    assume(shared.size and np.nanmin(shared) < np.nanmax(shared))
    expected = krippendorff.alpha(reliability_data=shared, level_of_measurement="ordinal")
    assert alpha(ratings) == pytest.approx(expected, abs=1e-12)
