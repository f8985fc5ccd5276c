"""How often is an effect graded "likely"? Simulates studies with the noise of `calibration.py`.

    python benchmarks/grades.py

Prints, for each number of seeds and metric, the share of effects that are likely when there is none, and when
the true effect is 1, 2 and 3 standard deviations of a seed's difference.
"""

import numpy as np
import pandas

from benchmarks.calibration import LOSS, MEASURED, NUM_STUDIES, RATE, Noise, simulate
from musicgen.effects.effect import Decision, Grade, grade_of
from musicgen.effects.statistics import Floats, PairedEffect

SEEDS = (2, 3, 5, 8)
SIZES = (0.0, 1.0, 2.0, 3.0)
"""True effects, in standard deviations of a seed's difference."""


def share_likely(baseline: Floats, changed: Floats, effect: PairedEffect) -> float:
    """The share of studies whose effect is likely. baseline, changed: shape (seeds, studies)."""
    differences = changed - baseline
    agreeing = (differences * effect.difference > 0).sum(axis=0)
    differs = (differences != 0).any(axis=0)
    studies = zip(agreeing, effect.low, effect.high, differs, strict=True)
    grades = [
        grade_of(
            Decision.INCONCLUSIVE if has_differences else Decision.IDENTICAL,
            len(baseline),
            int(num_agreeing),
            (float(low), float(high)),
            is_equivalent=False,
        )
        for num_agreeing, low, high, has_differences in studies
    ]
    return grades.count(Grade.LIKELY) / len(grades)


def main() -> None:
    noise = Noise.measured(pandas.read_csv(MEASURED))
    print("| metric | seeds | " + " | ".join(f"{size:g} SD" for size in SIZES) + " |")
    print("|---|---|" + "---|" * len(SIZES))
    for metric, arm in ((LOSS, 1), (RATE, 2)):
        for num_seeds in SEEDS:
            shares = []
            for size in SIZES:
                rng = np.random.default_rng([num_seeds, arm, int(10 * size)])
                studies = simulate(
                    noise,
                    num_seeds,
                    NUM_STUDIES,
                    rng,
                    loss_shift=size * noise.loss_difference,
                    rate_shift=size * noise.rate_difference(0.0),
                )
                values = studies.loss if metric == LOSS else studies.rate
                shares.append(share_likely(values[0], values[arm], studies.effects(arm)[metric]))
            print(f"| {metric} | {num_seeds} | " + " | ".join(f"{share:.3f}" for share in shares) + " |")


if __name__ == "__main__":
    main()
