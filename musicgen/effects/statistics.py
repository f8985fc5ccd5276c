"""Statistics of one change against its baseline, on arrays.

Arrays have the paired seeds on their first axis, (seeds,) or (seeds, comparisons), so that simulations of
thousands of studies use the same code as one study. Differences are changed less baseline. What cannot be
computed is NaN, such as the interval of one seed, or of seeds that all differ by the same amount.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from musicgen.effects.shares import (
    Floats,
    empirical_logit,
    rounding_variance,
    share_difference,
    share_interval,
)

ALPHA = 0.05
"""Largest share of studies without any effect that may claim one."""
CONFIDENCE = 0.95
EQUIVALENCE_CONFIDENCE = 0.90
_CONFIDENCES = (CONFIDENCE, EQUIVALENCE_CONFIDENCE)
"""Two one-sided tests at 5 % both reject where this interval lies inside the margin (Schuirmann 1987)."""
POWER = 0.8
_QUANTILES = 500
"""Quantiles of the spread's distribution over which a probability is averaged."""
_SAME = 1e-12
"""Spread, as a share of the values, below which differences are equal up to rounding."""


@dataclass(frozen=True, slots=True)
class PairedEffect:
    """The result of each comparison; every array has the shape (comparisons,) or ()."""

    num_seeds: int
    difference: Floats
    low: Floats
    high: Floats
    """95 % interval of the difference."""
    equivalence_low: Floats
    equivalence_high: Floats
    """90 % interval, for equivalence."""
    p_value: Floats
    """Two-sided, of the paired t test."""
    standard_deviation: Floats
    """Spread of the seeds' differences; in logits for shares."""
    baseline_logit: Floats | None
    """Mean logit of the baseline if the values are shares."""

    def minimum_detectable(self, alpha: float) -> Floats:
        """The true difference that a repetition of this study would find with 80 % power at the level alpha.

        The spread is estimated from these seeds. For shares it is the larger of a rise and a fall.
        """
        if self.num_seeds < 2:
            return np.full_like(self.difference, np.nan)
        spread = np.where(self.standard_deviation > 0, self.standard_deviation, np.nan)
        shift = detectable_effect_size(self.num_seeds, alpha) * spread
        if self.baseline_logit is None:
            return shift
        return np.maximum(*(abs(share_difference(sign * shift, self.baseline_logit)) for sign in (1, -1)))


@dataclass(frozen=True, slots=True)
class Measured:
    """Values of one arm on the scale on which they are compared; shares as logits."""

    numbers: Floats
    """Shape (seeds, ...)."""
    least_variance: Floats | None
    """Of shares: the variance that their steps of 1 / n alone cause, shape (...); None for other values."""

    @classmethod
    def of(cls, values: ArrayLike, counts: ArrayLike | None = None) -> "Measured":
        """values: shape (seeds, ...), no NaN. With counts, they are shares of that many things."""
        if counts is None:
            return cls(np.asarray(values, np.float64), None)
        return cls(empirical_logit(values, counts), rounding_variance(values, counts))

    def plus_changes(self, singles: Sequence["Measured"]) -> "Measured":
        """What all changes together give if they add up: Σ singles - (m - 1) · baseline, in each seed.

        self: the baseline. singles: the m arms with one of the changes each. Shares add up in log odds, where
        no sum can leave the range from 0 to 1.
        """
        others = len(singles) - 1
        least = None
        if self.least_variance is not None:
            parts = [one.least_variance for one in singles if one.least_variance is not None]
            least = np.sum(parts, axis=0) + others**2 * self.least_variance
        return Measured(sum(one.numbers for one in singles) - others * self.numbers, least)


def paired_effect(
    baseline: ArrayLike,
    changed: ArrayLike,
    baseline_counts: ArrayLike | None = None,
    changed_counts: ArrayLike | None = None,
) -> PairedEffect:
    """Compare an arm with its baseline, seed by seed, by the paired t test.

    baseline, changed: shape (seeds, ...), at least one seed, no NaN. With counts, the values are shares of
    that many things.
    """
    return compare(Measured.of(baseline, baseline_counts), Measured.of(changed, changed_counts))


def compare(baseline: Measured, changed: Measured) -> PairedEffect:
    """The paired t test of two arms, or of a joint change and the sum of its parts.

    The difference of shares is given as expit(c) - expit(b) of the arms' mean logits, and its interval by
    `share_interval`.
    """
    first, second = baseline.numbers, changed.numbers
    spread = _spread(first, second)
    least_variances = None
    if baseline.least_variance is not None and changed.least_variance is not None:
        least_variances = baseline.least_variance, changed.least_variance
        spread = np.where(spread == 0, 0.0, np.maximum(spread, np.sqrt(np.add(*least_variances))))
    difference = (second - first).mean(axis=0)
    p_value, intervals = _paired_t(difference, spread, len(first))
    baseline_logit = None
    if least_variances is not None:
        baseline_logit = first.mean(axis=0)
        difference = share_difference(difference, baseline_logit)
        intervals = [
            share_interval((first, second), least_variances, t_quantile(confidence, len(first)), interval)
            for confidence, interval in zip(_CONFIDENCES, intervals, strict=True)
        ]
    (low, high), (inner_low, inner_high) = intervals
    # For correlated shares, the interval with more confidence may reach less far.
    low, high = np.minimum(low, inner_low), np.maximum(high, inner_high)
    return PairedEffect(
        len(first), difference, low, high, inner_low, inner_high, p_value, spread, baseline_logit
    )


def _spread(baseline: Floats, changed: Floats) -> Floats:
    """Standard deviation of the differences; 0 if they are equal up to rounding, NaN for one seed."""
    if len(baseline) < 2:
        return np.full(baseline.shape[1:], np.nan)
    spread = (changed - baseline).std(axis=0, ddof=1)
    size = np.maximum(abs(baseline), abs(changed)).max(axis=0)
    return np.where(spread <= _SAME * size, 0.0, spread)


def _paired_t(
    difference: Floats, spread: Floats, num_seeds: int
) -> tuple[Floats, list[tuple[Floats, Floats]]]:
    """The p values and both intervals, as scipy's ttest_rel gives them; NaN without a spread."""
    from scipy.special import stdtr

    error = np.where(spread > 0, spread, np.nan) / np.sqrt(num_seeds)
    reaches = [
        t_quantile(confidence, num_seeds) * error for confidence in (CONFIDENCE, EQUIVALENCE_CONFIDENCE)
    ]
    p_value = 2 * stdtr(max(num_seeds - 1, 1), -abs(difference / error))
    return p_value, [(difference - reach, difference + reach) for reach in reaches]


def t_quantile(confidence: float, num_seeds: int) -> float:
    """Half the width of an interval in standard errors, by Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(max(num_seeds - 1, 1), (1 + confidence) / 2))


def holm(p_values: ArrayLike) -> Floats:
    """Holm's adjusted p values of families, shape (tests, ...). NaN counts as a test and stays NaN.

    The i-th smallest of m is multiplied by m - i + 1, and is at least the one before it. Source: Holm, A
    Simple Sequentially Rejective Multiple Test Procedure, 1979.
    """
    return _adjusted(p_values, lambda ranks: len(ranks) - ranks + 1, np.maximum.accumulate)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """The same by Benjamini and Hochberg (1995), who bound the share of false claims among all claims.

    The i-th smallest of m is multiplied by m / i, and is at most the one after it.
    """
    # scipy.stats.false_discovery_control does the same, but takes half a second to import.
    return _adjusted(
        p_values,
        lambda ranks: len(ranks) / ranks,
        lambda ascending: np.minimum.accumulate(ascending[::-1])[::-1],
    )


def _adjusted(
    p_values: ArrayLike, factors_of: Callable[[Floats], Floats], accumulate: Callable[[Floats], Floats]
) -> Floats:
    """Each p value times the factor of its rank, accumulated in ascending order on the first axis."""
    known = np.asarray(p_values, np.float64)
    order = np.argsort(_counted(known), axis=0)
    factors = factors_of(np.arange(1.0, len(known) + 1)).reshape(-1, *[1] * (known.ndim - 1))
    adjusted = np.empty_like(known)
    stepped = accumulate(np.take_along_axis(_counted(known), order, axis=0) * factors)
    np.put_along_axis(adjusted, order, stepped, axis=0)
    return np.where(np.isnan(known), np.nan, np.minimum(adjusted, 1.0))


def _counted(p_values: Floats) -> Floats:
    """A test that could not be made claims nothing, but its family includes it."""
    return np.where(np.isnan(p_values), 1.0, p_values)


@lru_cache(maxsize=1024)
def detectable_effect_size(num_seeds: int, alpha: float, *, is_spread_known: bool = False) -> float:
    """The true difference that the paired t test finds, in standard deviations of the differences.

    Solves P(|T| > t_crit) = 0.8 with num_seeds - 1 degrees of freedom. For a known spread, T is noncentral t,
    as in statsmodels' TTestPower. That function and scipy's nct give wrong values or NaN at the levels that
    Holm needs, so the probability is averaged over quantiles of the estimated spread, where T is normal.

    By default the standard deviation is itself an estimate from as few seeds, and the average includes its
    quantiles as well. Otherwise studies that happen to scatter little would promise too much: an effect as
    large as stated would be found in only two of three repetitions.
    """
    from scipy import optimize, special

    assert num_seeds >= 2
    freedom = num_seeds - 1
    # Quantiles of chi square and t by special functions, since scipy.stats takes half a second to import.
    spreads = np.sqrt(
        2 * special.gammaincinv(freedom / 2, (np.arange(_QUANTILES) + 0.5) / _QUANTILES) / freedom
    )
    threshold = -special.stdtrit(freedom, alpha / 2) * spreads
    units = np.ones((1, 1)) if is_spread_known else spreads[:, np.newaxis]

    def missing_power(effect_size: float) -> float:
        shift = effect_size * np.sqrt(num_seeds) * units
        found = special.ndtr(shift - threshold) + special.ndtr(-shift - threshold)
        return float(np.mean(found)) - POWER

    upper = 1.0
    while missing_power(upper) < 0:
        upper *= 2
    return float(optimize.root_scalar(missing_power, bracket=(0.0, upper)).root)


def prediction_interval(
    values: Sequence[float], counts: Sequence[float] | None = None
) -> tuple[float, float]:
    """95 % prediction interval for one more seed, from at least two values: mean ± t · s · √(1 + 1/k).

    With counts, it is computed on empirical logits and converted back to shares.
    """
    from scipy.special import expit

    known = np.asarray(values, np.float64) if counts is None else empirical_logit(values, counts)
    reach = t_quantile(CONFIDENCE, len(known)) * known.std(ddof=1) * np.sqrt(1 + 1 / len(known))
    ends = np.array([known.mean() - reach, known.mean() + reach])
    low, high = ends if counts is None else expit(ends)
    return float(low), float(high)
