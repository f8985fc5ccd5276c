"""Re-tuned effects and the adding up of changes, in simulated studies: a part of benchmarks/calibration.py.

The noise is that of calibration.py. Rules of earlier versions are judged next to those of the program.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated_noise import Noise, coverage, draw_logits, draw_losses, expit, table
from musicgen.effects.retuning import divide_seeds
from musicgen.effects.statistics import (
    ALPHA,
    Floats,
    Measured,
    PairedEffect,
    compare,
    detectable_effect_size,
    holm,
    paired_effect,
)

NUM_VALUES = 4
"""Nuisance values of a re-tuned level, with the baseline's."""
GAP = 1.0
"""Between the losses of neighbouring values that differ, in standard deviations of a run."""
GAIN = 1.0
"""Logits by which each of the changes that add up raises the rate. Losses fall by the detectable effect."""
DEPARTURE = 0.5
"""Logits by which a joint effect that does not add up falls short."""
RETUNED_SEEDS = (3, 4, 5, 6, 8, 10)
JOINT_SEEDS = (2, 3, 5, 8)
SHARES_OF_DETECTABLE = (0.5, 1.0)
NUM_ARMS = 4
FAMILY_SIZE = 2 * NUM_ARMS


def is_claimed(effect: PairedEffect) -> NDArray[np.bool_]:
    """Whether the 95 % interval excludes 0, for each study."""
    return (effect.low > 0) | (effect.high < 0)


def judge_retuned(
    noise: Noise, num_seeds: int, num_studies: int, rng: np.random.Generator
) -> dict[str, float]:
    """Levels without an effect: false claims and coverage, with nuisance values equally good, and not."""
    found = {"judging": float(len(divide_seeds(range(num_seeds))[1]))}
    for name, gap in (("equal", 0.0), ("apart", GAP * float(noise.loss_own.std()))):
        values = gap * np.arange(NUM_VALUES)
        losses = draw_losses(noise, (2, NUM_VALUES, num_seeds, num_studies), rng)
        losses += values[:, np.newaxis, np.newaxis]
        found[f"before_{name}"] = float(is_claimed(by_other_seeds(*losses)).mean())
        effect, chosen = by_first_seeds(*losses)
        found[f"claims_{name}"] = float(is_claimed(effect).mean())
        found[f"coverage_{name}"] = coverage(effect, values[chosen[1]] - values[chosen[0]])
    return found


def by_first_seeds(baseline: Floats, arm: Floats) -> tuple[PairedEffect, list[NDArray[np.int64]]]:
    """The program's rule, and the chosen values of both; losses: shape (values, seeds, studies)."""
    choosing, judging = divide_seeds(range(baseline.shape[1]))
    chosen = [losses[:, choosing].mean(axis=1).argmin(axis=0) for losses in (baseline, arm)]
    judged = [
        np.take_along_axis(losses[:, judging], values[np.newaxis, np.newaxis], axis=0)[0]
        for losses, values in zip((baseline, arm), chosen, strict=True)
    ]
    return paired_effect(*judged), chosen


def by_other_seeds(baseline: Floats, arm: Floats) -> PairedEffect:
    """The rule until November 2026: each seed is judged with the value that all other seeds choose."""
    judged = []
    for losses in (baseline, arm):
        others = losses.sum(axis=1, keepdims=True) - losses
        judged.append(np.take_along_axis(losses, others.argmin(axis=0)[np.newaxis], axis=0)[0])
    return paired_effect(*judged)


def judge_joint(
    noise: Noise, num_seeds: int, num_changes: int, num_studies: int, rng: np.random.Generator
) -> dict[str, float]:
    """Changes that add up: how often they are said not to; and the coverage where they do not."""
    shape = (2 + num_changes, num_seeds, num_studies)
    gains = np.array([0.0, *[1.0] * num_changes, num_changes])[:, np.newaxis, np.newaxis]
    size = (
        detectable_effect_size(num_seeds, ALPHA / FAMILY_SIZE, is_spread_known=True) * noise.loss_difference
    )
    losses = draw_losses(noise, shape, rng) - size * gains
    logits = draw_logits(noise, shape, rng) + GAIN * gains
    loss, rate = _measure_losses(losses), _measure_rates(noise, logits, rng)
    fallen_losses, fallen_logits = losses.copy(), logits.copy()
    fallen_losses[-1] += size
    fallen_logits[-1] -= DEPARTURE
    fallen = _measure_losses(fallen_losses), _measure_rates(noise, fallen_logits, rng)
    expected = noise.rate_logit + GAIN * num_changes
    truth = float(expit(np.array(expected - DEPARTURE)) - expit(np.array(expected)))
    return {
        "before_loss": float(is_outside_joint(loss).mean()),
        "before_rate": float(is_outside_joint(rate).mean()),
        "claims_loss": float(is_claimed(beyond_sum(loss)).mean()),
        "claims_rate": float(is_claimed(beyond_sum(rate)).mean()),
        "coverage_loss": coverage(beyond_sum(fallen[0]), size),
        "coverage_rate": coverage(beyond_sum(fallen[1]), truth),
        "found_loss": float(is_claimed(beyond_sum(fallen[0])).mean()),
    }


def judge_winners(
    noise: Noise, num_seeds: int, num_studies: int, rng: np.random.Generator, *, share_of_detectable: float
) -> dict[str, float]:
    """Two changes that add up, combined only in studies in which both win after Holm's correction."""
    shape = (2 + NUM_ARMS, num_seeds, num_studies)
    size = (
        detectable_effect_size(num_seeds, ALPHA / FAMILY_SIZE, is_spread_known=True) * noise.loss_difference
    )
    gains = np.array([0, 1, 1, 0, 0, 2])[:, np.newaxis, np.newaxis]
    losses = _measure_losses(draw_losses(noise, shape, rng) - share_of_detectable * size * gains)
    rates = _measure_rates(noise, draw_logits(noise, shape, rng), rng)
    effects = [compare(own[0], one) for own in (losses, rates) for one in own[1 : 1 + NUM_ARMS]]
    adjusted = holm(np.array([one.p_value for one in effects]))
    won = np.all([(adjusted[arm] <= ALPHA) & (effects[arm].high < 0) for arm in (0, 1)], axis=0)
    claimed = is_claimed(beyond_sum([*losses[:3], losses[-1]]))
    return {
        "won": float(won.mean()),
        "claims_of_won": float(claimed[won].mean()) if won.any() else np.nan,
        "claims_of_all": float((claimed & won).mean()),
    }


def beyond_sum(arms: Sequence[Measured]) -> PairedEffect:
    """The program's rule; arms: baseline, each change alone, all together."""
    baseline, *singles, joint = arms
    return compare(baseline.plus_changes(singles), joint)


def is_outside_joint(arms: Sequence[Measured]) -> NDArray[np.bool_]:
    """The rule until November 2026: the sum of the singles lies outside the joint effect's interval."""
    baseline, *singles, joint = arms
    total = np.sum([compare(baseline, one).difference for one in singles], axis=0)
    effect = compare(baseline, joint)
    return (total < effect.low) | (total > effect.high)


def _measure_losses(losses: Floats) -> list[Measured]:
    return [Measured.of(one) for one in losses]


def _measure_rates(noise: Noise, logits: Floats, rng: np.random.Generator) -> list[Measured]:
    counts = np.full(logits.shape[1:], noise.num_tunes)
    rates = rng.binomial(noise.num_tunes, expit(logits)) / noise.num_tunes
    return [Measured.of(one, counts) for one in rates]


def report(noise: Noise, num_studies: int) -> str:
    """The sections on both claims, as Markdown."""
    rng = np.random.default_rng(1)
    retuned = {seeds: judge_retuned(noise, seeds, num_studies, rng) for seeds in RETUNED_SEEDS}
    joint = {
        (seeds, number): judge_joint(noise, seeds, number, num_studies, rng)
        for seeds in JOINT_SEEDS
        for number in (2, 3)
    }
    winners = {
        (seeds, share): judge_winners(noise, seeds, num_studies, rng, share_of_detectable=share)
        for seeds in JOINT_SEEDS[1:]
        for share in SHARES_OF_DETECTABLE
    }

    apart = GAP * float(noise.loss_own.std())
    most = max(found["claims_apart"] for found in retuned.values())

    def cells(found: dict[str, float], *names: str) -> list[str]:
        return [f"{found[name]:.3f}" for name in names]

    tuning = table(
        (
            "seeds",
            "of them judge",
            "claim, before",
            "claim",
            "coverage",
            "values apart: claim, before",
            "claim",
            "coverage for the chosen values",
        ),
        [
            [
                str(seeds),
                f"{found['judging']:.0f}",
                *cells(found, "before_equal", "claims_equal", "coverage_equal"),
                *cells(found, "before_apart", "claims_apart", "coverage_apart"),
            ]
            for seeds, found in retuned.items()
        ],
    )
    adding = table(
        (
            "seeds",
            "changes",
            "loss: claim, before",
            "claim",
            "coverage",
            "rate: claim, before",
            "claim",
            "coverage",
            "departure of the loss found",
        ),
        [
            [
                str(seeds),
                str(number),
                *cells(found, "before_loss", "claims_loss", "coverage_loss"),
                *cells(found, "before_rate", "claims_rate", "coverage_rate", "found_loss"),
            ]
            for (seeds, number), found in joint.items()
        ],
    )
    won = table(
        (
            "seeds",
            "effects, of the detectable one",
            "both win",
            "claim in all studies",
            "claim where both win",
        ),
        [
            [str(seeds), f"{share:g}", *cells(found, "won", "claims_of_all", "claims_of_won")]
            for (seeds, share), found in winners.items()
        ],
    )
    return f"""
## Re-tuned effects
A level without an effect and its baseline, both with {NUM_VALUES} nuisance values, judged by one test of the
loss at 0.05. "Before" is the rule until November 2026, by which each seed was judged with the value that all
other seeds chose. First all values are equally good. Then neighbouring values are {GAP:g} SD of a run
({apart:.4f} nats) apart: baseline and arm may choose different ones, and differ for that reason.
The interval is about the two chosen settings, which the verdict names, and covers their difference. As a
claim about the parameter, each at its own best value, up to {most:.3f} are wrong there.

{tuning}
## Adding up
Two or three changes that add up, each as large as the effect that the design detects (loss), or {GAIN:g}
logit (rate). "Before" is the rule until November 2026: the sum of the single effects was compared with the
interval of the joint one, sums of shares as shares. Coverage: of a joint effect that falls short, by the
detectable effect or {DEPARTURE} logits. With two seeds, rates miss their coverage, so no verdict is given.

{adding}
With `study.combine`, changes are only combined if they won on the same seeds, and single effects that only
just won are exaggerated. In no design do more than 0.05 of the studies claim wrongly. But effects of half the
detectable size win by luck, and where they do, "less than the sum" is often wrong.

{won}"""
