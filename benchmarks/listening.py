"""False claims and coverage of listening sessions, with simulated listeners, tunes and choices.

    python -m benchmarks.listening [--studies 20000]

Writes benchmarks/listening.md. No person's choices were measured for this project, so several spreads of
listeners, seeds and tunes are assumed. Rules of earlier versions are judged next to those of the program.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas
from numpy.typing import NDArray

from benchmarks.simulated_noise import MEASURED, Noise, expit, table
from musicgen.listening.statistics import ChosenShare, mean_rating, rank_correlations, share_chosen

REPORT = Path(__file__).parent / "listening.md"
NUM_STUDIES, NUM_SLOW = 20_000, 1000
"""Studies of each design; of those whose interval resamples, only the second number."""
MEANS = ((1, 4), (1, 8), (1, 16), (2, 6), (3, 4), (3, 8), (5, 12), (10, 12))
"""(listeners, tunes) of an arm."""
SPREADS = ((0.4, 0.7, 0.6), (0.7, 0.3, 0.6))
"""Standard deviations of listeners, tunes and residuals, in points."""
CHOICES = (
    *((2, 6, 3), (2, 24, 3), (3, 12, 3), (3, 24, 4), (5, 4, 4), (5, 12, 3), (5, 24, 5)),
    *((10, 4, 4), (10, 12, 3), (10, 24, 3), (10, 24, 5)),
)
"""(listeners, pairs of tunes, seeds) of an arm that may be claimed to be preferred."""
FEW = (
    *((1, 4, 1), (1, 8, 1), (1, 24, 1), (1, 12, 3), (1, 24, 3), (1, 24, 5)),
    *((2, 12, 1), (2, 12, 2), (3, 12, 2), (5, 24, 1), (10, 24, 2)),
)
"""Designs with one listener or fewer than three seeds: their intervals are about these people or networks."""
CHOICE_SPREADS = {
    "none": (0.0, 0.0, 0.0, 0.0),
    "tunes": (0.0, 0.0, 0.8, 0.0),
    "listeners": (0.8, 0.0, 0.8, 0.0),
    "seeds": (0.0, 0.6, 0.8, 0.0),
    "all": (0.6, 0.6, 0.8, 0.3),
}
"""What differs -> standard deviations in logits: listeners, seeds, pairs, and a listener's taste in seeds."""
PREFERENCE = 0.8
"""Logits of an arm that is preferred, for coverage."""
TUNES = ((1, 3, 3), (2, 3, 3), (4, 3, 1), (4, 3, 2), (4, 5, 4))
"""(arms, seeds, rated tunes of each run)."""
RUNS = ((1, 5), (1, 8), (2, 5), (4, 3), (4, 5), (8, 3))
"""(arms, seeds) of rated runs."""
TUNE_ARM_SPREAD, RUN_ARM_SPREAD = 1.0, 3.0
"""Standard deviation of arms in metric and rating, in those of a tune or of a run."""
TUNE_SEED_SPREAD = 0.3
"""The same of runs within an arm, for the metric and the rating of a tune."""
RATING_SEED_SPREAD = 0.3
"""The same of seeds, for the rating of a run; the metric is the loss, with its measured spread."""
CORRELATION = 0.6


@dataclass(frozen=True, slots=True)
class Design:
    """A session of pairs."""

    num_listeners: int
    num_pairs: int
    num_seeds: int

    @property
    def seeds(self) -> NDArray[np.int64]:
        """The seed of each pair, in turns."""
        return np.arange(self.num_pairs) % self.num_seeds


def draw_choices(
    design: Design, spread: tuple[float, ...], level: float, studies: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Choices of shape (studies, listeners, pairs), and the true share of each study.

    The truth is about all listeners and seeds. With one listener it is about that person, and with fewer than
    three seeds about these networks.
    """
    of_listeners, of_seeds, of_pairs, of_both = spread
    people = of_listeners * rng.standard_normal((studies, design.num_listeners, 1))
    nets = of_seeds * rng.standard_normal((studies, 1, design.num_seeds))
    both = of_both * rng.standard_normal((studies, design.num_listeners, design.num_seeds))
    pairs = of_pairs * rng.standard_normal((studies, 1, design.num_pairs))
    odds = level + people + (nets + both)[..., design.seeds] + pairs
    chosen = rng.random(odds.shape, np.float32) < expit(odds)
    # What the interval is about stays as drawn; the mean is over everything else.
    is_one, is_few = design.num_listeners == 1, design.num_seeds < 3
    parts = (
        (people, of_listeners, is_one),
        (nets, of_seeds, is_few),
        (both, of_both, is_one and is_few),
        (pairs, of_pairs, False),
    )
    known = sum((part for part, _, is_known in parts if is_known), start=np.full((studies, 1, 1), level))
    rest = sum(spread**2 for _, spread, is_known in parts if not is_known)
    return chosen, _mean_share(known, float(np.sqrt(rest))).mean(axis=(1, 2))


def _mean_share(odds: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """The mean of expit(odds + spread · z) for normal z."""
    points, weights = np.polynomial.hermite_e.hermegauss(21)
    return expit(odds[..., np.newaxis] + spread * points) @ weights / weights.sum()


def judge_choices(design: Design, chosen: NDArray[np.bool_]) -> ChosenShare:
    """The program's rule: the unit is the seed, or the pair if there are fewer than three seeds."""
    units = design.seeds if design.num_seeds >= 3 else np.arange(design.num_pairs)
    is_in = (units[:, np.newaxis] == np.unique(units)).astype(float)
    counts = np.broadcast_to(is_in.sum(axis=0), (*chosen.shape[:-1], is_in.shape[1]))
    return share_chosen(chosen @ is_in, counts)


def excludes(share: ChosenShare, truth: NDArray[np.float64] | float) -> NDArray[np.bool_]:
    """Whether the interval of each study misses the truth; one without an interval does not."""
    return (share.low > truth) | (share.high < truth)


def binomial_claims(chosen: NDArray[np.bool_]) -> float:
    """The rule until November 2026: the exact binomial test of all choices as if independent."""
    from scipy.stats import binom

    number = chosen.sum(axis=(1, 2))
    total = chosen[0].size
    p_value = 2 * np.minimum(binom.cdf(number, total, 0.5), binom.sf(number - 1, total, 0.5))
    return float(np.mean(p_value <= 0.05))


def choice_rows(designs: tuple[tuple[int, int, int], ...], studies: int) -> list[list[str]]:
    """False claims and coverage of each design, under each spread."""
    rows = []
    for numbers in designs:
        rng, design = np.random.default_rng(numbers), Design(*numbers)
        before, claims, covered = [], [], []
        for spread in CHOICE_SPREADS.values():
            chosen, truth = draw_choices(design, spread, 0.0, studies, rng)
            before.append(binomial_claims(chosen))
            claims.append(float(excludes(judge_choices(design, chosen), truth).mean()))
            chosen, truth = draw_choices(design, spread, PREFERENCE, studies, rng)
            covered.append(1 - float(excludes(judge_choices(design, chosen), truth).mean()))
        rows.append([*map(str, numbers), *(f"{one:.3f}" for one in (*before, *claims, *covered))])
    return rows


def judge_tunes(numbers: tuple[int, int, int], studies: int) -> dict[str, float]:
    """Tunes of arms and runs that differ in metric and rating, independently of each other."""
    arms, seeds, tunes = numbers
    rng, found = np.random.default_rng(0), {}
    arm, run = np.repeat(np.arange(arms), seeds * tunes), np.repeat(np.arange(arms * seeds), tunes)
    for correlation in (0.0, CORRELATION):
        values, ratings = (
            own
            + TUNE_ARM_SPREAD * rng.standard_normal((studies, arms))[:, arm]
            + TUNE_SEED_SPREAD * rng.standard_normal((studies, arms * seeds))[:, run]
            for own in _correlated(correlation, (studies, len(arm)), rng)
        )
        if correlation:
            truth = correlation / (1 + TUNE_SEED_SPREAD**2)
            found["coverage"] = _covered(rank_correlations(values, ratings, arm.tolist()), truth)
        else:
            points = np.clip(np.round(3 + ratings), 1, 5)
            found["before"] = 1 - _covered(rank_correlations(values, points), 0.0)
            found["claims"] = 1 - _covered(rank_correlations(values, points, arm.tolist()), 0.0)
    return found


def judge_runs(numbers: tuple[int, int], noise: Noise, studies: int) -> dict[str, float]:
    """Losses and ratings of runs. The runs of a seed share a part of both."""
    arms, seeds = numbers
    rng, found = np.random.default_rng(0), {}
    arm, seed = np.repeat(np.arange(arms), seeds), np.tile(np.arange(seeds), arms)
    groups = [arm.tolist(), seed.tolist()] if arms > 1 else [arm.tolist()]
    spreads = float(noise.loss_shared.std() / noise.loss_own.std()), RATING_SEED_SPREAD
    for correlation in (0.0, CORRELATION):
        losses, ratings = (
            own
            + RUN_ARM_SPREAD * rng.standard_normal((studies, arms))[:, arm]
            + spread * rng.standard_normal((studies, seeds))[:, seed]
            for own, spread in zip(_correlated(correlation, (studies, len(arm)), rng), spreads, strict=True)
        )
        within = rank_correlations(losses, ratings, *groups)
        if correlation:
            # A single arm's runs differ by their seeds, too.
            diluted = 1.0 if arms > 1 else np.sqrt((1 + spreads[0] ** 2) * (1 + spreads[1] ** 2))
            found["coverage"] = _covered(within, correlation / float(diluted))
        else:
            found["before"] = 1 - _covered(rank_correlations(losses, ratings), 0.0)
            found["claims"] = 1 - _covered(within, 0.0)
    return found


def _correlated(
    correlation: float, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, other = rng.standard_normal((2, *shape))
    return first, correlation * first + np.sqrt(1 - correlation**2) * other


def _covered(found: tuple[NDArray[np.float64], ...], correlation: float) -> float:
    """Share of intervals that do not miss Spearman's ρ of normal variables with this correlation.

    One that does not exist claims nothing.
    """
    truth = 6 / np.pi * np.arcsin(correlation / 2)
    return 1 - float(np.mean((found[1] > truth) | (found[2] < truth)))


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


def report(studies: int) -> str:
    """The text of benchmarks/listening.md."""
    noise = Noise.measured(pandas.read_csv(MEASURED))
    names = list(CHOICE_SPREADS)
    columns = [f"{what}: {name}" for what in ("before", "claim", "coverage") for name in names]
    choices, few = (
        table(["listeners", "pairs", "seeds", *columns], choice_rows(designs, studies))
        for designs in (CHOICES, FEW)
    )
    headings = ["claim, before", "claim", f"coverage at {CORRELATION}"]

    def row(numbers: tuple[int, ...], found: dict[str, float]) -> list[str]:
        shown = (found[name] for name in ("before", "claims", "coverage"))
        return [*map(str, numbers), *(f"{one:.3f}" for one in shown)]

    tunes = table(
        ["arms", "seeds", "tunes of a run", *headings],
        [row(numbers, judge_tunes(numbers, studies)) for numbers in TUNES],
    )
    runs = table(
        ["arms", "seeds", *headings], [row(numbers, judge_runs(numbers, noise, studies)) for numbers in RUNS]
    )
    slow = min(studies, NUM_SLOW)
    means = table(
        ["listeners", "tunes", "tunes differ most", "listeners differ most"],
        [
            [*map(str, design), *(f"{mean_coverage(*design, spread, slow):.3f}" for spread in SPREADS)]
            for design in MEANS
        ],
    )
    spreads = "; ".join(
        f"{name}: {', '.join(f'{one:g}' for one in spread)}" for name, spread in CHOICE_SPREADS.items()
    )
    return f"""# Calibration of listening sessions

Written by `python -m benchmarks.listening`. [docs/listening.md](../docs/listening.md) has the method.
{studies} simulated sessions for each design and column ({slow} for the means of ratings). "Before" is the
rule until November 2026. How much listeners, seeds and tunes differ is assumed, since nobody's choices were
measured.

## Choices: no preference, and how often one is claimed
Target: at most 0.06, and a coverage of at least 0.93 of the true share if the arm is preferred by
{PREFERENCE} logits.
What differs, in logits (listeners, seeds, pairs, a listener's taste in seeds): {spreads}.
"Before" counted all choices as independent (exact binomial test). Where little differs, or there are few
choices, claims are rarer than 0.05.

{choices}
With one listener, or fewer than three seeds, nothing is claimed. The interval is about that person, or about
these networks; "claim" is how often it misses their true share.

{few}
## Metrics and ears: no relation within arms, and how often one is claimed
Arms differ in metric and rating, independently. "Before" correlated all tunes, or runs, of all arms. Tunes:
arms differ by {TUNE_ARM_SPREAD:g} SD and runs of an arm by {TUNE_SEED_SPREAD} SD; ratings are whole points.
With few values left, claims are rarer than 0.05.

{tunes}
Runs: arms differ by {RUN_ARM_SPREAD:g} SD, seeds by the loss's measured spread and by {RATING_SEED_SPREAD} SD
of the rating. With 2 arms and 3 seeds too little is left for an interval.

{runs}
## Means of ratings: coverage
{means}"""


def main() -> None:
    """Simulate and write the report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.listening", description="Check the intervals of listening sessions."
    )
    parser.add_argument("--studies", type=int, default=NUM_STUDIES)
    started = time.perf_counter()
    text = report(parser.parse_args().studies)
    REPORT.write_text(text, encoding="utf-8")
    print(text)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
