"""A fair comparison: each level of a parameter with the nuisance values that suit it.

The first half of the seeds chooses: every level, including the baseline's, gets the nuisance value with the
lowest mean validation loss over them. The other seeds judge the two chosen settings, so no run is judged by a
seed that chose it, and the judging seeds are independent given the choice. (If each seed were judged by what
all others choose, the choices would depend on each other: with 8 seeds and 4 equal values, the t test then
claims an effect in 17 % of studies without one.) A single seed chooses for itself. A run that failed or
diverged has infinite loss.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from musicgen.effects.pairing import Arm
from musicgen.records.runs import FoundRun, flat_config
from musicgen.system.words import listed

CHOSEN_BY = "fit/validation_loss"

Candidates = Mapping[str, Mapping[int, FoundRun]]
"""Nuisance values as JSON, "{}" for the baseline's -> seed -> run."""


@dataclass(frozen=True, slots=True)
class Retuned:
    """Baseline and arm with the nuisance values chosen for each, on the seeds that judge them."""

    baseline: Mapping[int, FoundRun]
    """Seed -> run."""
    changed: Mapping[int, FoundRun]
    words: str
    """Which seeds chose which values."""


def retuned_runs(baseline: Arm, arm: Arm) -> Retuned | None:
    """Both with their chosen values; None unless both were re-tuned.

    Both choose among the values that both have and on the same seeds, so that their budgets are equal.
    """
    first, second = _candidates(baseline), _candidates(arm)
    common = [values for values in first if values in second]
    if len(common) < 2:
        return None
    seeds = {seed for values in common for seed in first[values]} & {
        seed for values in common for seed in second[values]
    }
    choosing, judging = divide_seeds(seeds)
    chosen = [best_value(_losses(one, common), choosing) for one in (first, second)]
    runs = [
        {seed: one[value][seed] for seed in judging if seed in one[value]}
        for one, value in zip((first, second), chosen, strict=True)
    ]
    return Retuned(runs[0], runs[1], _words(choosing, judging, runs[0], runs[1], common))


def divide_seeds(seeds: Iterable[int]) -> tuple[list[int], list[int]]:
    """The seeds that choose, and those that judge: of an odd number, one more judges. One seed does both."""
    ordered = sorted(seeds)
    half = len(ordered) // 2
    return ordered[:half] or ordered, ordered[half:]


def best_value(losses: Mapping[str, Mapping[int, float]], seeds: Sequence[int]) -> str:
    """The value with the lowest mean loss over these seeds; the first of equals.

    losses: value -> seed -> loss. A missing loss is infinite.
    """
    return min(losses, key=lambda value: sum(losses[value].get(seed, math.inf) for seed in seeds))


def _candidates(arm: Arm) -> Candidates:
    candidates: dict[str, dict[int, FoundRun]] = {}
    for run in (*arm.runs, *arm.retuned):
        values = json.dumps(run.record.retuned, sort_keys=True)
        candidates.setdefault(values, {})[run.record.seed] = run
    return candidates


def _losses(candidates: Candidates, common: Sequence[str]) -> dict[str, dict[int, float]]:
    return {value: {seed: _loss(run) for seed, run in candidates[value].items()} for value in common}


def _loss(run: FoundRun) -> float:
    loss = run.value(CHOSEN_BY)
    return math.inf if loss is None else loss


def _words(
    choosing: Sequence[int],
    judging: Sequence[int],
    baseline: Mapping[int, FoundRun],
    changed: Mapping[int, FoundRun],
    common: Sequence[str],
) -> str:
    """Such as "re-tuned on seeds 0 and 1: training.learning_rate 0.012, baseline 0.004"."""
    if not choosing:
        return ""
    if choosing == judging:
        words = "re-tuned on the same seed it is judged on"
    else:
        words = (
            f"re-tuned on seed{'s' if len(choosing) > 1 else ''} {listed([str(seed) for seed in choosing])}"
        )
    if not (baseline and changed):
        return words
    before, after = (flat_config(next(iter(runs.values())).record.config) for runs in (baseline, changed))
    # A group has no single level to show.
    names = [
        name for name in dict.fromkeys(name for one in common for name in json.loads(one)) if name in after
    ]
    parts = [
        f"{name} {after[name]}"
        + (" in both" if before[name] == after[name] else f", baseline {before[name]}")
        for name in names
    ]
    return ": ".join(filter(None, (words, ", ".join(parts))))
