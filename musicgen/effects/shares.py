"""Shares of counted things: they are compared as logits, and the results are converted back to shares.

Arrays have the paired seeds on their first axis, as in `statistics`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def empirical_logit(rates: ArrayLike, counts: ArrayLike) -> Floats:
    """Log odds of (x + ½) / (n + 1), where x = rate · n of n things have the property.

    It is finite for 0 and 1. Source: Cox and Snell, Analysis of Binary Data, 1989; the ½ is Haldane's (1956).
    """
    rates, counts = np.asarray(rates, np.float64), np.asarray(counts, np.float64)
    hits = rates * counts
    return np.log((hits + 0.5) / (counts - hits + 0.5))


def rounding_variance(rates: ArrayLike, counts: ArrayLike) -> Floats:
    """Variance of a logit that comes from its share's steps of 1 / n: step² / 12, averaged over the seeds.

    It is a lower bound for the spread. Without it, two seeds whose shares differ by the same number of steps
    would seem to agree almost perfectly, and claim an effect in up to 13 % of studies without effects.
    """
    rates, counts = np.asarray(rates, np.float64), np.asarray(counts, np.float64)
    share = (rates * counts + 0.5) / (counts + 1)
    return (1 / (counts * share * (1 - share)) ** 2).mean(axis=0) / 12


def share_difference(logit_difference: ArrayLike, level: ArrayLike) -> Floats:
    """A difference of logits as a difference of shares, counted from a level that is a logit."""
    from scipy.special import expit

    return expit(np.add(level, logit_difference)) - expit(level)


def share_interval(
    logits: tuple[Floats, Floats],
    least_variances: tuple[Floats, Floats],
    quantile: float,
    logit_interval: tuple[Floats, Floats],
) -> tuple[Floats, Floats]:
    """The interval of the difference of two arms' shares, from their logits of shape (seeds, ...).

    Each arm's mean logit has an interval, mean ± quantile · s / √seeds, with s² at least the least variance.
    Its ends are converted to shares. The interval of the difference follows from how far these reach and from
    the correlation of the arms (method of variance estimates recovery: Zou, Psychological Methods 12, 2007;
    Zou and Donner, Statistics in Medicine 27, 2008). Converting the interval of the logits' difference would
    not do, since that treats one arm's level as known.

    The paired test agrees with `logit_interval`. An end that judges 0 differently becomes 0, and an end
    is NaN where that of `logit_interval` is.
    """
    low, high = logit_interval
    num_seeds = len(logits[0])
    if num_seeds < 2:
        return low, high
    levels = [arm.mean(axis=0) for arm in logits]
    spreads = [
        np.sqrt(np.maximum(arm.var(axis=0, ddof=1), least))
        for arm, least in zip(logits, least_variances, strict=True)
    ]
    covariance = ((logits[0] - levels[0]) * (logits[1] - levels[1])).sum(axis=0) / (num_seeds - 1)
    correlation = covariance / (spreads[0] * spreads[1])
    reaches = [quantile * spread / np.sqrt(num_seeds) for spread in spreads]
    down = [-share_difference(-reach, level) for reach, level in zip(reaches, levels, strict=True)]
    up = [share_difference(reach, level) for reach, level in zip(reaches, levels, strict=True)]
    difference = share_difference(levels[1] - levels[0], levels[0])
    share_low = difference - _together(down[1], up[0], correlation)
    share_high = difference + _together(up[1], down[0], correlation)
    share_low = np.where((share_low > 0) == (low > 0), share_low, 0.0)
    share_high = np.where((share_high < 0) == (high < 0), share_high, 0.0)
    return np.where(np.isnan(low), low, share_low), np.where(np.isnan(high), high, share_high)


def _together(first: Floats, second: Floats, correlation: Floats) -> Floats:
    return np.sqrt(np.maximum(first**2 + second**2 - 2 * correlation * first * second, 0))
