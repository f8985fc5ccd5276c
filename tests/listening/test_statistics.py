"""The statistics of ratings, compared with other implementations and with simulations."""

import itertools
import math

import choix
import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.proportion import proportion_confint

from musicgen.listening.statistics import alpha, bradley_terry, mean_rating, rank_correlation, share_chosen


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


def test_shares_agree_with_statsmodels() -> None:
    share, p_value = share_chosen(14, 18)
    assert (share.low, share.high) == pytest.approx(proportion_confint(14, 18, method="wilson"))
    assert p_value == pytest.approx(2 * sum(math.comb(18, k) for k in range(14, 19)) / 2**18)
    assert share_chosen(0, 0)[0].value != share_chosen(0, 0)[0].value


def test_bradley_terry_maximises_the_penalised_likelihood() -> None:
    rng = np.random.default_rng(2)
    truth = np.array([0.0, 1.0, -0.5])
    pairs = list(itertools.permutations(range(3), 2))
    choices = [
        (one, other) if rng.random() < 1 / (1 + math.exp(truth[other] - truth[one])) else (other, one)
        for one, other in pairs * 40
    ]

    def loss(free: np.ndarray) -> float:
        strengths = np.concatenate([[0.0], free])
        return sum(math.log1p(math.exp(strengths[left] - strengths[chosen])) for chosen, left in choices)

    best = optimize.minimize(loss, np.zeros(2)).x
    found = bradley_terry(3, [choices])
    assert [one.value for one in found] == pytest.approx([0.0, *best], abs=0.02)
    other = choix.opt_pairwise(3, choices, alpha=0.01)
    assert [one.value for one in found] == pytest.approx(other - other[0], abs=0.02)
    assert all(math.isnan(one.low) for one in found)


def test_bradley_terry_has_finite_intervals_over_listeners() -> None:
    always = [[(1, 0)] * 5, [(1, 0)] * 5, [(1, 0)] * 4 + [(0, 1)]]
    baseline, arm = bradley_terry(2, always)
    assert baseline.value == baseline.low == baseline.high == 0
    assert 1 < arm.value < 10 and arm.low < arm.value < arm.high
    assert math.isfinite(bradley_terry(2, [[(1, 0)] * 5])[1].value)


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
