"""Coverage of the intervals for listening sessions, with simulated listeners, tunes and choices.

    python benchmarks/listening.py [--studies 2000]

Prints a row for each design.
"""

import argparse

import numpy as np

from musicgen.listening.statistics import bradley_terry, mean_rating, rank_correlation

DESIGNS = ((1, 4), (1, 8), (1, 16), (2, 6), (3, 4), (3, 8), (5, 12), (10, 12))
"""(listeners, tunes) of an arm."""
SPREADS = ((0.4, 0.7, 0.6), (0.7, 0.3, 0.6))
"""Standard deviations of listeners, tunes and residuals, in points."""


def mean_coverage(num_listeners: int, num_tunes: int, spread: tuple[float, ...], studies: int) -> float:
    """Share of studies whose interval contains the true mean of 3."""
    rng = np.random.default_rng(0)
    between, of_tunes, rest = spread
    hits = 0
    for _ in range(studies):
        # With one listener, the interval is about this listener only.
        listeners = between * rng.normal(size=(num_listeners, 1)) if num_listeners > 1 else 0.0
        tunes = of_tunes * rng.normal(size=(1, num_tunes))
        noise = rest * rng.normal(size=(num_listeners, num_tunes))
        found = mean_rating(np.clip(np.round(3 + listeners + tunes + noise), 1, 5))
        hits += bool(found.low <= 3 <= found.high)
    return hits / studies


def correlation_coverage(num_units: int, correlation: float, studies: int) -> float:
    """The same for Spearman's ρ of normal variables, whose true value is 6/π · asin(r/2)."""
    rng = np.random.default_rng(0)
    truth = 6 / np.pi * np.arcsin(correlation / 2)
    covariance = [[1, correlation], [correlation, 1]]
    found = [
        rank_correlation(*rng.multivariate_normal([0, 0], covariance, num_units).T) for _ in range(studies)
    ]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def strength_coverage(num_listeners: int, num_pairs: int, studies: int) -> float:
    """The same for the strength of one of two arms: log odds of mean 0.8, with SD 0.5 between listeners."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(studies):
        odds = 0.8 + 0.5 * rng.normal(size=(num_listeners, 1))
        wins = rng.random((num_listeners, num_pairs)) < 1 / (1 + np.exp(-odds))
        arm = bradley_terry(2, [[(1, 0) if won else (0, 1) for won in own] for own in wins])[1]
        hits += bool(arm.low <= 0.8 <= arm.high)
    return hits / studies


def main() -> None:
    """Print the coverage of nominal 95 % intervals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--studies", type=int, default=2000)
    studies = parser.parse_args().studies
    print("means: listeners, tunes; coverage where tunes differ most, and where listeners do")
    for design in DESIGNS:
        print(*design, *(f"{mean_coverage(*design, spread, studies):.3f}" for spread in SPREADS))
    print("rank correlations: units; coverage at r = 0 and 0.6")
    for num_units in (4, 8, 16, 32):
        print(num_units, *(f"{correlation_coverage(num_units, value, studies):.3f}" for value in (0.0, 0.6)))
    print("strengths: listeners, pairs each; coverage")
    for design in ((3, 8), (6, 8), (10, 12)):
        print(*design, f"{strength_coverage(*design, studies // 10):.3f}")


if __name__ == "__main__":
    main()
