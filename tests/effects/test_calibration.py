"""False claims, coverage and power in simulated studies: a small version of benchmarks/calibration.py."""

import math

import numpy as np
import pandas
import pytest

from benchmarks.calibration import (
    MEASURED,
    NUM_ARMS,
    Noise,
    Studies,
    adjusted,
    judge_null,
    judge_planted,
    simulate,
)
from musicgen.effects.pairing import pair_runs
from musicgen.effects.statistics import ALPHA
from musicgen.effects.table import effects_table
from musicgen.records.runs import FoundRun
from tests.records.made_runs import LOSS, RATE, made_run


def as_runs(studies: Studies, number: int) -> list[FoundRun]:
    """One simulated study as runs, for the whole program to judge."""
    return [
        made_run(
            f"simulated{number}/{arm}/seed={seed}",
            seed=seed,
            overrides={"model.hidden_size": arm, "sampling.num_tunes": studies.num_tunes},
            change=("model.hidden_size", arm, 0) if arm else None,
            metrics={
                LOSS: float(studies.loss[arm, seed, number]),
                RATE: float(studies.rate[arm, seed, number]),
            },
        )
        for arm in range(1 + NUM_ARMS)
        for seed in range(studies.loss.shape[1])
    ]


@pytest.mark.slow
def test_simulated_studies_claim_what_the_benchmark_counts() -> None:
    """Without effect, few studies may have a false claim; without Holm, three times as many would."""
    studies = simulate(measured_noise(), 5, 120, np.random.default_rng(3))
    tables = [effects_table(pair_runs(as_runs(studies, number))) for number in range(120)]
    claimed = [[effect.decision.is_claim for effect in table] for table in tables]
    p_values = adjusted([studies.effects(arm) for arm in range(1, 1 + NUM_ARMS)])
    assert np.array_equal(np.array(claimed).T, (p_values <= ALPHA).reshape(-1, 120))
    assert np.mean(np.any(claimed, axis=1)) <= 0.10


def measured_noise() -> Noise:
    return Noise.measured(pandas.read_csv(MEASURED))


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [2, 3, 5])
def test_promises_are_kept_in_simulated_studies(num_seeds: int) -> None:
    rng = np.random.default_rng(1)
    null = judge_null(measured_noise(), num_seeds, 1500, rng)
    planted = judge_planted(measured_noise(), num_seeds, 1500, rng)
    assert max(null["family_wise"], null["family_wise_failed"], planted["family_wise_planted"]) <= 0.065
    assert null["unadjusted"] == pytest.approx(0.05, abs=0.015)
    coverages = [value for name, value in (null | planted).items() if name.startswith("coverage")]
    assert all(value >= 0.93 for value in coverages if not math.isnan(value))
    assert null["coverage_loss"] <= 0.97
    # Of two seeds the test often has the say, and the interval of a rate ends at 0.
    assert null["coverage_rate"] <= (0.995 if num_seeds == 2 else 0.975)
    assert planted["power_loss"] == pytest.approx(0.81, abs=0.04)
    assert planted["power_at_stated"] == pytest.approx(0.81, abs=0.05)
    assert planted["false_equivalence"] <= 0.07
