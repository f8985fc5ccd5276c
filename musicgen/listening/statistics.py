"""Statistics of ratings and choices, on arrays. Values that cannot be computed are NaN."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
NUM_RESAMPLES = 2000
_SEED = 0
"""Fixed, so that the same ratings always give the same interval."""
_NORMAL_QUANTILE = 1.959963984540054
_SAME = 1e-9
"""Spread, as a share of the values, that is rounding."""
_LEAST_CONFIDENCE = 1e-9


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


def rank_correlation(first: ArrayLike, second: ArrayLike, *groups: Sequence[object]) -> Estimate:
    """Spearman's rank correlation within groups, with its interval: `rank_correlations` of one study."""
    found = rank_correlations(np.atleast_2d(first), np.atleast_2d(second), *groups)
    return Estimate(*(float(one[0]) for one in found))


def rank_correlations(
    first: Floats, second: Floats, *groups: Sequence[object]
) -> tuple[Floats, Floats, Floats]:
    """Spearman's rank correlations within groups, and the ends of their 95 % intervals by Fisher's z.

    first, second: shape (studies, n), no NaN. groups: labels of shape (n,) each, such as the arm and the seed
    of every run. The groups' means are taken out of both arrays before and after ranking, so that only
    differences within groups count. With q means taken out, n - q + 1 values are left, as in a partial
    correlation; without groups that is n. Each result has the shape (studies,).

    NaN for fewer than three values left, or if an array is constant within groups. The variance of z is
    (1 + ρ²/2) / (n - q - 2), so an interval needs four. Source: Bonett and Wright, Sample size requirements
    for estimating Pearson, Kendall and Spearman correlations, 2000.
    """
    from scipy.stats import rankdata

    nothing = np.full(len(first), np.nan)
    if not first.size:
        return nothing, nothing, nothing
    means = _group_means(first.shape[1], groups)
    num_left = first.shape[1] - means.shape[1] + 1
    if num_left < 3:
        return nothing, nothing, nothing
    ranks = []
    for values in (first, second):
        centred = values - values @ means @ means.T
        reach = np.ptp(centred, axis=1, keepdims=True)
        is_constant = reach <= _SAME * abs(values).max(axis=1, keepdims=True)
        # Values that are equal but for rounding are ties.
        ranked = rankdata(np.round(centred / np.where(is_constant, np.inf, reach), 9), axis=1)
        ranks.append(ranked - ranked @ means @ means.T)
    size = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    rho = (ranks[0] * ranks[1]).sum(axis=1) / np.where(size > _SAME, size, np.nan)
    has_interval = (abs(rho) < 1 - 1e-12) & (num_left >= 4)
    z = np.arctanh(np.where(has_interval, rho, np.nan))
    reach = _NORMAL_QUANTILE * np.sqrt((1 + rho**2 / 2) / max(num_left - 3, 1))
    return rho, np.tanh(z - reach), np.tanh(z + reach)


def _group_means(size: int, groups: Sequence[Sequence[object]]) -> Floats:
    """Orthonormal columns that span the means of all and of each group, shape (size, their number)."""
    columns = [np.ones(size)]
    for labels in groups:
        columns += [np.array([label == one for label in labels], np.float64) for one in dict.fromkeys(labels)]
    left, sizes, _ = np.linalg.svd(np.stack(columns, axis=1), full_matrices=False)
    return left[:, sizes > 1e-9 * sizes[0]]


@dataclass(frozen=True, slots=True)
class ChosenShare:
    """How often one side of the pairs was chosen; every array has the shape (studies,) or ()."""

    value: Floats
    error: Floats
    """Standard error."""
    weights: tuple[Floats, Floats]
    """The parts of listeners and of units in the variance; they sum to 1."""
    freedoms: tuple[int, int]

    def reach(self, confidence: float = CONFIDENCE) -> Floats:
        """Half the width of an interval: t · standard error, with t weighted by the parts of the variance.

        With one listener, or one unit, only the others count. NaN with one of each. Source: Cochran and Cox,
        Experimental Designs, 1957, section 4.14, for a mean with several sources of variance.
        """
        from scipy.special import stdtrit

        quantiles = (stdtrit(freedom, (1 + confidence) / 2) if freedom else 0.0 for freedom in self.freedoms)
        t = sum(weight * quantile for weight, quantile in zip(self.weights, quantiles, strict=True))
        return t * self.error if any(self.freedoms) else np.full_like(self.value, np.nan)

    @property
    def low(self) -> Floats:
        """Lower end of the 95 % interval, at least 0."""
        return np.maximum(self.value - self.reach(), 0.0)

    @property
    def high(self) -> Floats:
        """Upper end, at most 1."""
        return np.minimum(self.value + self.reach(), 1.0)

    @property
    def p_value(self) -> float:
        """Of a single study: 1 less the confidence with which the interval just reaches ½."""
        from scipy.optimize import root_scalar

        distance = abs(float(self.value) - 0.5)
        if not any(self.freedoms):
            return math.nan
        ends = _LEAST_CONFIDENCE, 1 - _LEAST_CONFIDENCE
        if self.reach(ends[0]) >= distance:
            return 1.0
        if self.reach(ends[1]) <= distance:
            return _LEAST_CONFIDENCE
        return 1 - float(root_scalar(lambda one: float(self.reach(one)) - distance, bracket=ends).root)


def share_chosen(num_chosen: ArrayLike, num_judged: ArrayLike) -> ChosenShare:
    """The share of choices for one side, whose error covers the spread of listeners and of units.

    num_chosen, num_judged: shape (..., listeners, units); a unit is a pair of tunes, or all pairs of a
    training seed. The choices of one listener depend on each other, and so do those on one unit. The variance
    is that of listeners plus that of units, less what both contain (Cameron, Gelbach and Miller, Robust
    inference with multiway clustering, 2011), and at least either. The error is at least one choice, the step
    of the share, so that unanimous choices are not certain.
    """
    chosen, judged = np.asarray(num_chosen, np.float64), np.asarray(num_judged, np.float64)
    num_listeners, num_units = judged.shape[-2:]
    total = judged.sum(axis=(-2, -1))
    share = chosen.sum(axis=(-2, -1)) / total
    rest = (chosen - share[..., np.newaxis, np.newaxis] * judged) / total[..., np.newaxis, np.newaxis]
    freedoms = num_listeners - 1, num_units - 1
    of_listeners, of_units = rest.sum(axis=-1), rest.sum(axis=-2)
    parts = [
        (freedom + 1) / freedom * (sums**2).sum(axis=-1) if freedom else np.zeros_like(share)
        for freedom, sums in zip(freedoms, (of_listeners, of_units), strict=True)
    ]
    both = np.zeros_like(share)
    if all(freedoms):
        rest -= of_listeners[..., np.newaxis] / num_units + of_units[..., np.newaxis, :] / num_listeners
        both = num_listeners * num_units / (freedoms[0] * freedoms[1]) * (rest**2).sum(axis=(-2, -1))
    summed = parts[0] + parts[1]
    variance = np.maximum.reduce([summed - both, *parts, 1 / total**2])
    # Without any spread, the smaller of the two numbers decides.
    first = np.where(summed > 0, parts[0], float(0 < freedoms[0] <= (freedoms[1] or math.inf)))
    weight = first / np.where(summed > 0, summed, 1.0)
    return ChosenShare(share, np.sqrt(variance), (weight, 1 - weight), freedoms)


def alpha(ratings: ArrayLike) -> float:
    """Krippendorff's alpha of ordinal ratings, shape (listeners, tunes), NaN if not rated.

    1 is perfect agreement, 0 agreement by chance. NaN for fewer than two listeners or without spread.
    Source: Krippendorff, Computing Krippendorff's alpha-reliability, 2011, part C; its sum of the ratings
    from one level to another is a difference of mean ranks.
    """
    known = np.asarray(ratings, np.float64)
    shared = known[:, np.isfinite(known).sum(axis=0) >= 2]
    if shared.size == 0 or np.nanmin(shared) == np.nanmax(shared):
        return math.nan
    levels = np.unique(shared[np.isfinite(shared)])
    counts = (shared[..., np.newaxis] == levels).sum(axis=0)  # shape (tunes, levels)
    weights = counts / (counts.sum(axis=1, keepdims=True) - 1)
    coincidences = weights.T @ counts - np.diag(weights.sum(axis=0))
    totals = counts.sum(axis=0)
    mean_ranks = np.cumsum(totals) - totals / 2
    distances = np.subtract.outer(mean_ranks, mean_ranks) ** 2
    expected = totals @ distances @ totals / (totals.sum() - 1)
    return 1 - float((coincidences * distances).sum() / expected)
