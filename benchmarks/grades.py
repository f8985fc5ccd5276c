"""How often is an effect graded "likely"? Simulates studies with the noise of `calibration.py`.

    python -m benchmarks.grades

Prints, for each metric and number of seeds, the share of effects that are likely if there is none, and if the
true effect is 1, 2 or 3 standard deviations of a seed's difference. Then the same for an arm that scatters
three times as much as the others and has no effect. A study has four arms.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas

from benchmarks.calibration import LOSS, MEASURED, NUM_ARMS, NUM_STUDIES, RATE, Noise, simulate
from musicgen.effects.effect import Decision, Grade, grade_of
from musicgen.effects.measurement import MIN_CHANGES_TO_POOL
from musicgen.effects.shares import empirical_logit
from musicgen.effects.statistics import Floats, paired_effect
from musicgen.effects.verdict import LARGE

SEEDS = (2, 3, 5, 8)
SIZES = (0.0, 1.0, 2.0, 3.0)
"""True effects, in standard deviations of a seed's difference."""


def share_likely(values: Floats, arm: int, num_tunes: int | None) -> float:
    """The share of studies in which the arm's effect is likely, whatever an adjusted test says.

    values: shape (1 + arms, seeds, studies), the baseline first. num_tunes: if the values are shares.
    """
    counts = None if num_tunes is None else np.full_like(values[0], num_tunes)
    tested = values if counts is None else empirical_logit(values, counts)
    effects = [paired_effect(values[0], changed, counts, counts) for changed in values[1:]]
    effect, differences = effects[arm - 1], tested[arm] - tested[0]
    num_seeds, size = len(differences), abs(differences.mean(axis=0))
    assert len(effects) >= MIN_CHANGES_TO_POOL
    pooled = np.sqrt(np.mean([one.standard_deviation**2 for one in effects], axis=0))
    is_large = (size >= LARGE * np.maximum(effect.standard_deviation, pooled)) & (num_seeds > 2)
    agreeing = (differences * effect.difference > 0).sum(axis=0)
    grades = [
        grade_of(
            Decision.INCONCLUSIVE if number else Decision.IDENTICAL,
            num_seeds,
            int(number),
            (float(low), float(high)),
            is_equivalent=False,
            is_large=bool(large),
        )
        for number, low, high, large in zip(agreeing, effect.low, effect.high, is_large, strict=True)
    ]
    return grades.count(Grade.LIKELY) / len(grades)


def print_table(title: str, rows: Sequence[str], share_of: Callable[[str, int], Sequence[float]]) -> None:
    """A row for each metric and number of seeds."""
    print(f"\n{title}\n\n| metric | seeds | {' | '.join(rows)} |\n|---|---|{'---|' * len(rows)}")
    for metric in (LOSS, RATE):
        for num_seeds in SEEDS:
            shares = " | ".join(f"{share:.3f}" for share in share_of(metric, num_seeds))
            print(f"| {metric} | {num_seeds} | {shares} |")


def main() -> None:
    noise = Noise.measured(pandas.read_csv(MEASURED))
    arms = {LOSS: 1, RATE: 2}

    def with_effects(metric: str, num_seeds: int) -> list[float]:
        shares = []
        for size in SIZES:
            rng = np.random.default_rng([num_seeds, arms[metric], int(size)])
            loss_shift, rate_shift = size * noise.loss_difference, size * noise.rate_difference(0.0)
            studies = simulate(
                noise, num_seeds, NUM_STUDIES, rng, loss_shift=loss_shift, rate_shift=rate_shift
            )
            values, tunes = (studies.loss, None) if metric == LOSS else (studies.rate, studies.num_tunes)
            shares.append(share_likely(values, arms[metric], tunes))
        return shares

    def with_scatter(metric: str, num_seeds: int) -> list[float]:
        rng = np.random.default_rng([num_seeds, arms[metric], 9])
        values = rng.standard_normal((1 + NUM_ARMS, num_seeds, NUM_STUDIES))
        values[1] *= 3
        return [share_likely(values, 1, None)]

    print_table("Likely, by true effect", [f"{size:g} SD" for size in SIZES], with_effects)
    print_table("Likely without an effect, in an arm with three times the scatter", ["null"], with_scatter)


if __name__ == "__main__":
    main()
