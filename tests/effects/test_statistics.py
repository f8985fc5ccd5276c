import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.special import expit
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from musicgen.effects.shares import empirical_logit
from musicgen.effects.statistics import (
    ALPHA,
    CONFIDENCE,
    EQUIVALENCE_CONFIDENCE,
    POWER,
    benjamini_hochberg,
    detectable_effect_size,
    holm,
    paired_effect,
    prediction_interval,
)

FLOATS = st.floats(-100, 100).map(lambda number: round(number, 3))
P_VALUES = arrays(float, st.integers(1, 12), elements=st.floats(0, 1))


def test_losses_are_compared_by_the_paired_t_test() -> None:
    baseline, changed = np.array([1.75, 1.72, 1.79, 1.74]), np.array([1.70, 1.69, 1.77, 1.68])
    found = paired_effect(baseline, changed)
    test = stats.ttest_rel(changed, baseline)
    assert found.difference == pytest.approx(-0.04)
    assert found.p_value == pytest.approx(test.pvalue)
    interval, inner = test.confidence_interval(0.95), test.confidence_interval(0.90)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert (found.equivalence_low, found.equivalence_high) == pytest.approx((inner.low, inner.high))


def test_rates_are_compared_as_logits_and_given_as_shares() -> None:
    counts = np.full(3, 200)
    baseline, changed = np.array([0.10, 0.12, 0.09]), np.array([0.20, 0.26, 0.17])
    found = paired_effect(baseline, changed, counts, counts)
    first, second = empirical_logit(baseline, counts), empirical_logit(changed, counts)
    test = stats.ttest_rel(second, first)
    assert found.p_value == pytest.approx(test.pvalue)
    level, level_changed = expit(first.mean()), expit(second.mean())
    assert level + found.difference == pytest.approx(level_changed)
    # By hand: the arms' own intervals (statsmodels') as far as they reach as shares, and their correlation.
    ends = [DescrStatsW(logits).tconfint_mean() for logits in (first, second)]
    down, up = abs(expit(np.transpose(ends)) - [level, level_changed])
    r = np.corrcoef(first, second)[0, 1]
    low = np.sqrt(down[1] ** 2 + up[0] ** 2 - 2 * r * down[1] * up[0])
    high = np.sqrt(up[1] ** 2 + down[0] ** 2 - 2 * r * up[1] * down[0])
    assert (found.low, found.high) == pytest.approx((found.difference - low, found.difference + high))
    assert found.difference == pytest.approx((changed - baseline).mean(), abs=0.005)


def test_intervals_of_rates_cover_differences_near_zero() -> None:
    rng = np.random.default_rng(0)
    shape, counts = (5, 4000), np.full((5, 4000), 400)
    level, fallen = -0.3, -6.0
    before, after = (rng.binomial(400, expit(rng.normal(x, 0.35, shape))) / 400 for x in (level, fallen))
    for first, second, sign in ((before, after, 1), (after, before, -1)):
        found = paired_effect(first, second, counts, counts)
        truth = sign * (expit(fallen) - expit(level))
        assert np.mean((found.low <= truth) & (truth <= found.high)) == pytest.approx(0.95, abs=0.012)


@given(arrays(float, (4, 2), elements=st.integers(0, 50)))
def test_an_interval_of_rates_excludes_0_if_the_test_does(hits: np.ndarray) -> None:
    counts = np.full(4, 50)
    found = paired_effect(hits[:, 0] / 50, hits[:, 1] / 50, counts, counts)
    is_outside = bool(found.low >= 0 or found.high <= 0)
    assert np.isnan(found.p_value) or is_outside or found.p_value > 0.05 - 1e-9
    assert not (found.low > 0 or found.high < 0) or found.p_value < 0.05 + 1e-9
    assert np.isnan(found.low) or -1 <= found.low <= found.difference <= found.high <= 1


@given(st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_empirical_logit_is_finite_and_symmetric(counted: tuple[int, int]) -> None:
    hits, total = counted
    logit = empirical_logit(hits / total, total)
    assert np.isfinite(logit)
    assert logit == pytest.approx(-empirical_logit(1 - hits / total, total))
    share = (hits + 0.5) / (total + 1)
    assert logit == pytest.approx(np.log(share / (1 - share)))


@given(arrays(float, (4, 2), elements=FLOATS), st.booleans())
def test_intervals_are_finite_and_contain_the_difference(values: np.ndarray, rates: bool) -> None:
    if rates:
        values = np.round((values + 100) / 200 * 50) / 50
    counts = (np.full(4, 50), np.full(4, 50)) if rates else ()
    found = paired_effect(values[:, 0], values[:, 1], *counts)
    numbers = np.array(
        [found.difference, found.low, found.high, found.p_value, found.minimum_detectable(0.01)]
    )
    assert not np.isinf(numbers).any() and np.isfinite(found.difference)
    if np.isnan(found.low):
        assert np.isnan(found.p_value) and np.isnan(found.minimum_detectable(0.01))
    else:
        assert found.low <= found.equivalence_low <= found.difference <= found.equivalence_high <= found.high
        assert found.p_value > 0.05 or not found.low < 0 < found.high


def test_swapping_the_arms_turns_the_sign() -> None:
    baseline, changed = np.array([1.0, 1.2, 1.1]), np.array([1.3, 1.25, 1.3])
    one, other = paired_effect(baseline, changed), paired_effect(changed, baseline)
    assert (one.difference, one.low, one.p_value) == pytest.approx(
        (-other.difference, -other.high, other.p_value)
    )


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3])
def test_differences_without_spread_have_no_interval(shift: float) -> None:
    # 1.1 + 0.1 - 1.1 and 1.3 + 0.1 - 1.3 differ by rounding only.
    baseline = np.array([1.1, 1.3, 1.7])
    found = paired_effect(baseline, baseline + shift)
    assert found.difference == pytest.approx(shift) and found.standard_deviation == 0
    assert np.isnan([found.low, found.high, found.p_value]).all()


def test_two_coarse_rates_do_not_agree_perfectly() -> None:
    counts = np.full(2, 50)
    # Three tunes more in both: logits that differ by 1 %, and would give p = 0.007.
    baseline, changed = np.array([0.46, 0.50]), np.array([0.52, 0.56])
    alone = stats.ttest_rel(empirical_logit(changed, counts), empirical_logit(baseline, counts))
    found = paired_effect(baseline, changed, counts, counts)
    assert alone.pvalue < 0.01 < 0.05 < found.p_value < 0.1
    # A spread that is larger than these steps is left as it is.
    changed = np.array([0.52, 0.66])
    alone = stats.ttest_rel(empirical_logit(changed, counts), empirical_logit(baseline, counts))
    assert paired_effect(baseline, changed, counts, counts).p_value == pytest.approx(alone.pvalue)


def test_one_seed_has_only_a_difference() -> None:
    found = paired_effect([1.0], [1.5])
    assert found.difference == 0.5
    assert np.isnan(
        [found.low, found.p_value, found.standard_deviation, found.minimum_detectable(0.05)]
    ).all()


def test_many_comparisons_equal_single_ones() -> None:
    rng = np.random.default_rng(0)
    baseline, changed = rng.normal(size=(2, 3, 5))
    changed[:, 2] = baseline[:, 2] + 1
    together = paired_effect(baseline, changed)
    for column in range(5):
        alone = paired_effect(baseline[:, column], changed[:, column])
        for name in ("difference", "low", "high", "p_value", "standard_deviation"):
            assert getattr(together, name)[column] == pytest.approx(getattr(alone, name), nan_ok=True)


@given(P_VALUES)
def test_adjusted_p_values_are_those_of_statsmodels(p_values: np.ndarray) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # statsmodels collects garbage at every call, which takes long among the objects of other tests.
        patch.setattr(gc, "collect", lambda: 0)
        theirs = {method: multipletests(p_values, method=method)[1] for method in ("holm", "fdr_bh")}
    assert holm(p_values) == pytest.approx(theirs["holm"])
    assert benjamini_hochberg(p_values) == pytest.approx(theirs["fdr_bh"])


def test_a_test_without_p_value_counts_in_its_family() -> None:
    assert holm([0.01, np.nan, 0.04]) == pytest.approx([0.03, np.nan, 0.08], nan_ok=True)
    assert holm([[0.01, 0.5], [0.04, 0.04]]) == pytest.approx(np.array([[0.02, 0.5], [0.04, 0.08]]))
    assert benjamini_hochberg([np.nan, 0.01]) == pytest.approx([np.nan, 0.02], nan_ok=True)
    assert len(holm([])) == len(benjamini_hochberg([])) == 0


@pytest.mark.parametrize(("seeds", "alpha"), [(2, 0.05), (3, 0.05), (5, 0.05 / 8), (20, 0.01)])
def test_the_detectable_effect_is_that_of_statsmodels(seeds: int, alpha: float) -> None:
    expected = TTestPower().solve_power(nobs=seeds, alpha=alpha, power=0.8)
    assert detectable_effect_size(seeds, alpha, is_spread_known=True) == pytest.approx(expected, rel=0.01)


def test_an_effect_of_the_stated_size_is_found_by_a_repetition() -> None:
    rng = np.random.default_rng(0)
    for seeds in (3, 8):
        first, second = rng.normal(size=(2, seeds, 20_000))
        zero = np.zeros_like(first)
        stated = paired_effect(zero, first).minimum_detectable(0.05 / 4)
        found = paired_effect(zero, second + stated).p_value <= 0.05 / 4
        assert found.mean() == pytest.approx(0.8, abs=0.015)


def test_a_detectable_rate_stays_a_share() -> None:
    counts = np.full(3, 20)
    found = paired_effect([0.1, 0.2, 0.1], [0.1, 0.1, 0.2], counts, counts)
    assert 0.5 < found.minimum_detectable(0.05 / 100) < 1


def test_one_more_seed_is_in_the_prediction_interval() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, size=(4000, 5))
    inside = [low <= row[4] <= high for row in values for low, high in [prediction_interval(list(row[:4]))]]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
    low, high = prediction_interval([0.0, 0.01, 0.0], [200, 200, 200])
    assert 0 < low < 0.01 < high < 1


def test_one_seed_can_detect_nothing() -> None:
    with pytest.raises(AssertionError):
        detectable_effect_size(1, 0.05)
    assert detectable_effect_size(2, 0.05) > 0


def test_the_documented_levels_are_used() -> None:
    assert (ALPHA, CONFIDENCE, EQUIVALENCE_CONFIDENCE, POWER) == (0.05, 0.95, 0.90, 0.8)


def test_a_prediction_interval_by_hand() -> None:
    reach = stats.t.ppf(0.975, 2) * 1.0 * np.sqrt(1 + 1 / 3)
    assert prediction_interval([1.0, 2.0, 3.0]) == pytest.approx((2 - reach, 2 + reach))
    logits = empirical_logit([0.1, 0.3], [50, 50])
    reach = stats.t.ppf(0.975, 1) * logits.std(ddof=1) * np.sqrt(1.5)
    low, high = (1 / (1 + np.exp(-(logits.mean() + side * reach))) for side in (-1, 1))
    assert prediction_interval([0.1, 0.3], [50, 50]) == pytest.approx((low, high))


def test_coarse_rates_have_at_least_the_spread_of_a_step() -> None:
    """A share in steps of 1 / n has a variance of step² / 12; the logit has the slope 1 / (p (1 - p))."""
    counts = np.full(2, 50)
    found = paired_effect([0.5, 0.5], [0.6, 0.6 + 1e-9], counts, counts)
    slopes = [1 / (50 * share * (1 - share)) for share in (25.5 / 51, 30.5 / 51)]
    assert found.standard_deviation == pytest.approx(
        np.sqrt(sum(slope**2 / 12 for slope in slopes)), rel=1e-6
    )
    # Differences that are equal up to rounding have no spread.
    assert paired_effect([0.5, 0.5], [0.6, 0.6], counts, counts).standard_deviation == 0


def test_a_detectable_rate_is_the_larger_of_rise_and_fall() -> None:
    baseline, changed = np.array([1.0, 1.2, 1.1]), np.array([1.3, 1.25, 1.3])
    found = paired_effect(baseline, changed)
    size = detectable_effect_size(3, 0.05)
    assert found.minimum_detectable(0.05) == pytest.approx(size * (changed - baseline).std(ddof=1))
    assert detectable_effect_size(3, 0.05, is_spread_known=True) < size < detectable_effect_size(3, 0.01)
    counts = np.full(3, 200)
    for shares in ([0.05, 0.08, 0.06], [0.95, 0.92, 0.94]):
        rates = paired_effect(shares, [0.5, 0.6, 0.55], counts, counts)
        shift, level = size * float(rates.standard_deviation), float(empirical_logit(shares, counts).mean())
        ways = [1 / (1 + np.exp(-(level + way * shift))) - 1 / (1 + np.exp(-level)) for way in (1, -1)]
        assert rates.minimum_detectable(0.05) == pytest.approx(max(map(abs, ways)))
    assert np.isnan(paired_effect([1.0, 2.0], [2.0, 3.0]).minimum_detectable(0.05))


def test_rounding_is_relative_to_the_size_of_the_values() -> None:
    baseline = np.array([1e6, 2e6, 3e6])
    assert paired_effect(baseline, baseline + [1, 1, 1 + 1e-7]).standard_deviation == 0
    assert paired_effect(baseline, baseline + [1, 1, 1.1]).standard_deviation > 0
    assert paired_effect(baseline / 1e6, baseline / 1e6 + [1, 1, 1 + 1e-7]).standard_deviation > 0
