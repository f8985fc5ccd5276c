"""Do the verdicts keep their promises? Simulates complete studies with the noise of measured seeds.

    python -m benchmarks.calibration                     simulate, and write benchmarks/calibration.md
    python -m benchmarks.calibration --measure PATH...   first write measured_seeds.csv, from two similar arms

A study has a baseline and four arms, two primary metrics and 2, 3, 5 or 8 seeds. Losses are drawn from the
measured seeds with a smoothed bootstrap that keeps their variance. Tune rates are binomial counts whose
probability has the measured spread between seeds, so they are discrete and can tie. Effects of a seed on both
baseline and arm, mainly through the split, are drawn once. The two metrics are independent, the hardest case
for the family-wise error. Tests, intervals, Holm and detectable effects are the program's.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas
from numpy.typing import NDArray

from benchmarks import retuned_and_joint
from benchmarks.simulated_noise import (
    LOSS,
    MEASURED,
    RATE,
    Noise,
    coverage,
    draw_logits,
    draw_losses,
    expit,
    table,
)
from musicgen.effects.pairing import pair_runs
from musicgen.effects.statistics import (
    ALPHA,
    Floats,
    PairedEffect,
    detectable_effect_size,
    holm,
    paired_effect,
)
from musicgen.records.runs import find_runs, write_csv

REPORT = Path(__file__).parent / "calibration.md"
NUM_ARMS = 4
FAMILY_SIZE = 2 * NUM_ARMS
SEEDS = (2, 3, 5, 8)
NUM_STUDIES = 20_000
MARGIN = 0.02
"""Nats, the loss's margin in conf/config.yaml."""
COARSE = (8, 20, 50, 200)
"""Numbers of tunes for the simulation of rates near one half."""
MAX_RATE = 0.99
"""Effects are not planted if they would raise the rate beyond this."""
FALL = -3.0
"""Logits of another planted effect, which lowers the rate to nearly zero."""


@dataclass(frozen=True, slots=True)
class Studies:
    """Many simulated studies at once: values of shape (1 + arms, seeds, studies), the baseline first."""

    loss: Floats
    rate: Floats
    num_tunes: int

    def effects(self, arm: int, num_failed: int = 0) -> dict[str, PairedEffect]:
        """Metric -> effect of the arm, without its last `num_failed` seeds."""
        kept = slice(0, self.loss.shape[1] - num_failed)
        counts = np.full_like(self.rate[0, kept], self.num_tunes)
        return {
            LOSS: paired_effect(self.loss[0, kept], self.loss[arm, kept]),
            RATE: paired_effect(self.rate[0, kept], self.rate[arm, kept], counts, counts),
        }


def simulate(
    noise: Noise,
    num_seeds: int,
    num_studies: int,
    rng: np.random.Generator,
    *,
    loss_shift: Floats | float = 0.0,
    rate_shift: float = 0.0,
) -> Studies:
    """Draw studies; the first arm's loss is shifted by nats, the second arm's rate by logits."""
    shape = (1 + NUM_ARMS, num_seeds, num_studies)
    loss, logits = draw_losses(noise, shape, rng), draw_logits(noise, shape, rng)
    loss[1] += loss_shift
    logits[2] += rate_shift
    return Studies(loss, rng.binomial(noise.num_tunes, expit(logits)) / noise.num_tunes, noise.num_tunes)


def adjusted(effects: Sequence[dict[str, PairedEffect]]) -> Floats:
    """Holm's p values of each study's whole family, shape (arms, metrics, studies)."""
    p_values = np.array([[one[LOSS].p_value, one[RATE].p_value] for one in effects])
    return holm(p_values.reshape(-1, p_values.shape[-1])).reshape(p_values.shape)


def judge_null(noise: Noise, num_seeds: int, num_studies: int, rng: np.random.Generator) -> dict[str, float]:
    """Without effects: false claims, coverage, and the same with a failed seed in the first arm."""
    studies = simulate(noise, num_seeds, num_studies, rng)
    complete = [studies.effects(arm) for arm in range(1, 1 + NUM_ARMS)]
    failed = [studies.effects(1, num_failed=1), *complete[1:]]
    is_claimed, is_claimed_failed = (adjusted(family) <= ALPHA for family in (complete, failed))
    inner = complete[0][LOSS]
    return {
        "family_wise": float(is_claimed.any(axis=(0, 1)).mean()),
        "family_wise_failed": float(is_claimed_failed.any(axis=(0, 1)).mean()),
        "unadjusted": float(np.mean([one[name].p_value <= ALPHA for one in complete for name in one])),
        "coverage_loss": float(np.mean([coverage(one[LOSS], 0.0) for one in complete])),
        "coverage_rate": float(np.mean([coverage(one[RATE], 0.0) for one in complete])),
        "coverage_loss_failed": coverage(failed[0][LOSS], 0.0) if num_seeds > 2 else np.nan,
        "coverage_rate_failed": coverage(failed[0][RATE], 0.0) if num_seeds > 2 else np.nan,
        "no_spread": float(np.mean([one[RATE].standard_deviation == 0 for one in complete])),
        "equivalent": float(np.mean(_inside(inner))),
        "stated_loss": float(np.median(inner.minimum_detectable(ALPHA / FAMILY_SIZE))),
        "stated_rate": float(np.nanmedian(complete[0][RATE].minimum_detectable(ALPHA / FAMILY_SIZE))),
    }


def _inside(effect: PairedEffect) -> NDArray[np.bool_]:
    return np.maximum(-effect.equivalence_low, effect.equivalence_high) < MARGIN


def detectable_rate_shift(noise: Noise, num_seeds: int) -> float:
    """The shift in logits that the design detects with 80 % power; NaN if it exceeds MAX_RATE."""
    size = detectable_effect_size(num_seeds, ALPHA / FAMILY_SIZE, is_spread_known=True)
    shift = 0.0
    for _ in range(50):
        # The spread of the logits depends on where the shift leads.
        shift = size * noise.rate_difference(min(shift, 10.0))
    return shift if expit(np.array(noise.rate_logit + shift)) <= MAX_RATE else np.nan


def judge_planted(
    noise: Noise, num_seeds: int, num_studies: int, rng: np.random.Generator
) -> dict[str, float]:
    """Plant the smallest effect that the design should detect, on one arm's loss and another's rate."""
    size = detectable_effect_size(num_seeds, ALPHA / FAMILY_SIZE, is_spread_known=True)
    loss_shift = size * noise.loss_difference
    detectable = detectable_rate_shift(noise, num_seeds)
    rate_shift = 1.0 if np.isnan(detectable) else detectable
    studies = simulate(noise, num_seeds, num_studies, rng, loss_shift=loss_shift, rate_shift=rate_shift)
    effects = [studies.effects(arm) for arm in range(1, 1 + NUM_ARMS)]
    is_claimed = adjusted(effects) <= ALPHA
    power_loss, power_rate = is_claimed[0, 0].mean(), is_claimed[1, 1].mean()
    is_claimed[0, 0] = is_claimed[1, 1] = False
    rate = effects[1][RATE]
    logits = np.array([noise.rate_logit, noise.rate_logit + rate_shift])
    # Studies are planned with an earlier study's estimate, not with the true spread.
    stated = (
        simulate(noise, num_seeds, num_studies, rng).effects(1)[LOSS].minimum_detectable(ALPHA / FAMILY_SIZE)
    )
    repeated = simulate(noise, num_seeds, num_studies, rng, loss_shift=stated)
    found = adjusted([repeated.effects(arm) for arm in range(1, 1 + NUM_ARMS)]) <= ALPHA
    at_margin = simulate(noise, num_seeds, num_studies, rng, loss_shift=MARGIN).effects(1)[LOSS]
    fallen = simulate(noise, num_seeds, num_studies, rng, rate_shift=FALL).effects(2)[RATE]
    return {
        "loss_shift": loss_shift,
        "power_loss": float(power_loss),
        "rate_shift": np.nan if np.isnan(detectable) else float(np.diff(expit(logits))[0]),
        "power_rate": np.nan if np.isnan(detectable) else float(power_rate),
        "power_at_stated": float(found[0, 0].mean()),
        "family_wise_planted": float(is_claimed.any(axis=(0, 1)).mean()),
        "coverage_loss_planted": coverage(effects[0][LOSS], loss_shift),
        "coverage_rate_planted": coverage(rate, float(np.diff(expit(logits))[0])),
        "coverage_rate_fallen": coverage(fallen, _fall(noise)),
        "false_equivalence": float(np.mean(_inside(at_margin))),
    }


def _fall(noise: Noise) -> float:
    """The change of the rate by FALL."""
    return float(expit(np.array(noise.rate_logit + FALL)) - expit(np.array(noise.rate_logit)))


def measure(paths: Sequence[str]) -> pandas.DataFrame:
    """The table for Noise.measured, from the runs of a baseline and its only arm, which hardly differs."""
    pairs = pair_runs(find_runs(paths))
    arms = {"a": pairs.baseline.runs, "b": pairs.arms[0].runs}
    rows = [
        {
            "arm": name,
            "seed": run.record.seed,
            "num_tunes": run.num_tunes,
            LOSS: run.value(LOSS),
            RATE: run.value(RATE),
        }
        for name, runs in arms.items()
        for run in runs
    ]
    return pandas.DataFrame(rows)


def report(
    results: dict[int, dict[str, float]], noise: Noise, num_studies: int, num_measured: int, more: str
) -> str:
    """The text of benchmarks/calibration.md; more: its last sections."""

    def rows(*names: str) -> list[list[str]]:
        return [[str(seeds), *(f"{found[name]:.3f}" for name in names)] for seeds, found in results.items()]

    level = float(expit(np.array(noise.rate_logit)))
    error = 1.96 * np.sqrt(0.05 * 0.95 / num_studies)
    binomial = np.sqrt(1 / (noise.num_tunes * level * (1 - level)))
    false_claims = table(
        (
            "seeds",
            "studies with a false claim",
            "a seed failed",
            "next to planted effects",
            "tests with p ≤ 0.05 before Holm",
            "rates without spread",
        ),
        rows("family_wise", "family_wise_failed", "family_wise_planted", "unadjusted", "no_spread"),
    )
    intervals = table(
        (
            "seeds",
            "loss",
            "loss, a seed failed",
            "loss, planted",
            "rate",
            "rate, a seed failed",
            "rate, planted",
            f"rate, falls by {-_fall(noise):.2f}",
        ),
        rows(
            "coverage_loss",
            "coverage_loss_failed",
            "coverage_loss_planted",
            "coverage_rate",
            "coverage_rate_failed",
            "coverage_rate_planted",
            "coverage_rate_fallen",
        ),
    )
    known = table(
        ("seeds", "planted, nats", "found", "planted rate difference", "found"),
        rows("loss_shift", "power_loss", "rate_shift", "power_rate"),
    )
    stated = table(
        ("seeds", "stated, nats (median)", "found by a repetition", "stated rate difference (median)"),
        rows("stated_loss", "power_at_stated", "stated_rate"),
    )
    equivalence = table(
        ("seeds", "claimed without an effect", "claimed for an effect of the margin"),
        rows("equivalent", "false_equivalence"),
    )
    coarse = table(
        ("seeds", *(f"{what}, {number} tunes" for what in ("claim", "coverage") for number in COARSE)),
        rows(*(f"{name}_{number}" for name in ("family_wise", "coverage_rate") for number in COARSE)),
    )
    return f"""# Calibration of the verdicts

Written by `python -m benchmarks.calibration`. [docs/statistics.md](../docs/statistics.md) has the method.
{num_studies} simulated studies for each number of seeds and each column: a baseline and {NUM_ARMS} arms
with two primary metrics, so {FAMILY_SIZE} tests in Holm's family. A share of 0.05 is known to ± {error:.3f}.

The noise is measured: {num_measured} seeds of two nearly identical arms (`experiment=smoke` on O'Neill's, 200
tunes; batches of 32 and 33), in `benchmarks/measured_seeds.csv`. The losses of two such runs with one seed
differ with a standard deviation of {noise.loss_difference:.4f} nats. The tune rate is {level:.2f} of
{noise.num_tunes} tunes; its logit scatters by {noise.rate_own:.2f} between networks, and by
{binomial:.2f} because the number of tunes is finite.

## No effect: how often is one claimed?
Target: in at most 0.05 of the studies. Rates with equal differences in all seeds have no p value.

{false_claims}
## Intervals: how often do they cover the truth?
Target: 0.95 ± 0.02. Rates with two seeds have more, because the test may move an end of the interval to 0.

{intervals}
## Planted effects: how often are they found?
Target: 0.80, by Holm among {FAMILY_SIZE} tests. First, effects that the test should detect given the
true spread; a dash means that no rate is this far from {level:.2f}.

{known}
Second, what verdicts state. A study knows only the spread of its seeds, so it states a larger effect; a
repetition of the study finds an effect of that size with the power below.

{stated}
## Equivalence within {MARGIN} nats
"No effect larger than …" should be claimed for an effect as large as the margin in at most 0.05 of the tests.

{equivalence}
## The hardest rates
Rates of a few tunes are coarse: the differences of two or three seeds are often equal or nearly equal by
chance, above all near one half, where the steps of logits are equal. Below, rates of one half with no effect
and identical networks: studies with a false claim, and how often the rate's interval covers the truth.
Intervals for a few tunes and two or three seeds are wider than necessary.

{coarse}
{more}"""


def main() -> None:
    """Simulate and write the report."""
    parser = argparse.ArgumentParser(
        description="Simulate studies to check whether verdicts keep their promises."
    )
    parser.add_argument(
        "--measure", nargs="+", metavar="PATH", help="runs of two similar arms, for measuring the noise"
    )
    parser.add_argument("--studies", type=int, default=NUM_STUDIES)
    arguments = parser.parse_args()
    if arguments.measure:
        write_csv(measure(arguments.measure), MEASURED)
    measured = pandas.read_csv(MEASURED)
    noise = Noise.measured(measured)
    rng = np.random.default_rng(0)
    started = time.perf_counter()
    results = {}
    for num_seeds in SEEDS:
        results[num_seeds] = judge_null(noise, num_seeds, arguments.studies, rng)
        results[num_seeds] |= judge_planted(noise, num_seeds, arguments.studies, rng)
        for num_tunes in COARSE:
            halves = replace(noise, num_tunes=num_tunes, rate_logit=0.0, rate_own=0.0, rate_shared=0.0)
            coarse = judge_null(halves, num_seeds, arguments.studies, rng)
            results[num_seeds] |= {f"{name}_{num_tunes}": value for name, value in coarse.items()}
    more = retuned_and_joint.report(noise, arguments.studies)
    text = report(results, noise, arguments.studies, len(set(measured["seed"])), more)
    REPORT.write_text(text, encoding="utf-8")
    print(text)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
