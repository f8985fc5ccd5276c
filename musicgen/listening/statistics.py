"""Statistics of ratings and choices, on arrays. Values that cannot be computed are NaN."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
NUM_RESAMPLES = 2000
BRADLEY_TERRY_PENALTY = 0.01
_SEED = 0
"""Fixed, so that the same ratings always give the same interval."""
_NORMAL_QUANTILE = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def mean_rating(ratings: ArrayLike) -> Estimate:
    """The mean rating, with an interval that covers the spread of listeners and of tunes.

    ratings: shape (listeners, tunes), NaN if a listener did not rate a tune. Listeners and tunes are
    resampled independently of each other (Owen, The pigeonhole bootstrap, 2007). The interval is the mean ± t
    times the standard deviation of the resampled means, with Satterthwaite's degrees of freedom from the
    spread of the listeners' and the tunes' means; with few of them, percentiles would cover only 0.84 to
    0.95. For one listener only tunes are resampled, so the interval is about that person. Without
    spread, the interval is NaN.
    """
    known = np.asarray(ratings, np.float64)
    is_known = np.isfinite(known)
    known = known[is_known.any(axis=1)][:, is_known.any(axis=0)]
    is_known = np.isfinite(known)
    if not known.size:
        return Estimate(math.nan, math.nan, math.nan)
    mean = float(np.mean(known[is_known]))
    error = _pigeonhole_error(np.where(is_known, known, 0.0), is_known.astype(np.float64))
    freedom = _satterthwaite(known)
    if math.isnan(freedom) or error == 0:
        return Estimate(mean, math.nan, math.nan)
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return Estimate(mean, mean - reach, mean + reach)


def _pigeonhole_error(sums: Floats, counts: Floats) -> float:
    rng = np.random.default_rng(_SEED)
    listeners, tunes = (_times_drawn(rng, size) for size in sums.shape)
    total = np.einsum("bl,lt,bt->b", listeners, sums, tunes, optimize=True)
    number = np.einsum("bl,lt,bt->b", listeners, counts, tunes, optimize=True)
    return float(np.std(total[number > 0] / number[number > 0], ddof=1))


def _times_drawn(rng: np.random.Generator, size: int) -> Floats:
    """How often each of `size` things is drawn in each resample, shape (NUM_RESAMPLES, size)."""
    return rng.multinomial(size, np.full(size, 1 / size), size=NUM_RESAMPLES).astype(np.float64)


def _satterthwaite(ratings: Floats) -> float:
    """Degrees of freedom of the sum of the variances of the rows' and of the columns' means."""
    variances, freedoms = [], []
    for axis in (1, 0):
        means = np.nanmean(ratings, axis=axis)
        if len(means) > 1:
            variances.append(float(means.var(ddof=1)) / len(means))
            freedoms.append(len(means) - 1)
    if not freedoms:
        return math.nan
    parts = sum(variance**2 / freedom for variance, freedom in zip(variances, freedoms, strict=True))
    return sum(variances) ** 2 / parts if parts > 0 else float(min(freedoms))


def rank_correlation(first: ArrayLike, second: ArrayLike) -> Estimate:
    """Spearman's rank correlation with an interval by Fisher's z; NaN if one of the arrays is constant.

    first, second: shape (n,), no NaN. The variance of z is (1 + ρ²/2) / (n - 3), so an interval needs four
    values. Source: Bonett and Wright, Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations, 2000.
    """
    from scipy.stats import rankdata

    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return Estimate(math.nan, math.nan, math.nan)
    rho = float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
    if len(one) < 4 or abs(rho) > 1 - 1e-12:
        return Estimate(rho, math.nan, math.nan)
    reach = _NORMAL_QUANTILE * math.sqrt((1 + rho**2 / 2) / (len(one) - 3))
    return Estimate(rho, math.tanh(math.atanh(rho) - reach), math.tanh(math.atanh(rho) + reach))


def share_chosen(num_chosen: int, num_pairs: int) -> tuple[Estimate, float]:
    """The share of pairs in which one side was chosen, with Wilson's interval and the exact binomial p."""
    from scipy.stats import binomtest

    if not num_pairs:
        return Estimate(math.nan, math.nan, math.nan), math.nan
    test = binomtest(num_chosen, num_pairs, 0.5)
    interval = test.proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(num_chosen / num_pairs, float(interval.low), float(interval.high)), float(test.pvalue)


ChosenArms = Sequence[tuple[int, int]]
"""(arm chosen, arm not chosen), as numbers."""


def bradley_terry(num_arms: int, choices: Sequence[ChosenArms]) -> list[Estimate]:
    """The strength of each arm in log odds against arm 0, from the choices of each listener.

    Fitted by choix's iterative Luce spectral ranking with a small penalty, so that an arm that always wins
    has a finite strength. The interval resamples listeners: strength ± t times the standard deviation, with
    one degree of freedom fewer than listeners. For a single listener it is NaN.
    """
    strengths = _strengths(num_arms, [choice for listener in choices for choice in listener])
    if len(choices) < 2:
        return [Estimate(float(value), math.nan, math.nan) for value in strengths]
    from scipy.special import stdtrit

    rng = np.random.default_rng(_SEED)
    drawn = [
        _strengths(num_arms, [choice for place in places for choice in choices[place]])
        for places in rng.integers(len(choices), size=(NUM_RESAMPLES // 10, len(choices)))
    ]
    reach = float(stdtrit(len(choices) - 1, (1 + CONFIDENCE) / 2)) * np.std(drawn, axis=0, ddof=1)
    return [
        Estimate(float(value), float(value - width), float(value + width))
        for value, width in zip(strengths, reach, strict=True)
    ]


def _strengths(num_arms: int, choices: ChosenArms) -> Floats:
    import choix

    fitted = choix.ilsr_pairwise(num_arms, choices, alpha=BRADLEY_TERRY_PENALTY)
    return fitted - fitted[0]


def alpha(ratings: ArrayLike) -> float:
    """Krippendorff's alpha of ordinal ratings, shape (listeners, tunes), NaN if not rated.

    1 is perfect agreement, 0 agreement by chance. NaN for fewer than two listeners or without spread.
    Source: Krippendorff, Computing Krippendorff's alpha-reliability, 2011.
    """
    import krippendorff

    known = np.asarray(ratings, np.float64)
    shared = known[:, np.isfinite(known).sum(axis=0) >= 2]
    if shared.size == 0 or np.nanmin(shared) == np.nanmax(shared):
        return math.nan
    return float(krippendorff.alpha(reliability_data=shared, level_of_measurement="ordinal"))
