"""A fair comparison: each level of a parameter with the nuisance values that suit it.

For each seed, every level, including the baseline's, gets the nuisance value with the lowest mean validation
loss over the *other* seeds, so that no run is judged on the seed that chose it. A single seed chooses for
itself. A run that failed or diverged has infinite loss.
"""

import json
import math
from collections.abc import Mapping

from musicgen.effects.pairing import Arm
from musicgen.records.runs import FoundRun

CHOSEN_BY = "fit/validation_loss"

Candidates = Mapping[str, Mapping[int, FoundRun]]
"""Nuisance values as JSON, "{}" for the baseline's -> seed -> run."""


def retuned_runs(baseline: Arm, arm: Arm) -> tuple[dict[int, FoundRun], dict[int, FoundRun]] | None:
    """Seed -> chosen run, for the baseline and for the arm; None unless both were re-tuned.

    Both choose among the values that both have, so that their budgets are equal.
    """
    first, second = _candidates(baseline), _candidates(arm)
    common = [values for values in first if values in second]
    if len(common) < 2:
        return None
    return _chosen(first, common), _chosen(second, common)


def _candidates(arm: Arm) -> Candidates:
    candidates: dict[str, dict[int, FoundRun]] = {}
    for run in (*arm.runs, *arm.retuned):
        values = json.dumps(run.record.retuned, sort_keys=True)
        candidates.setdefault(values, {})[run.record.seed] = run
    return candidates


def _chosen(candidates: Candidates, common: list[str]) -> dict[int, FoundRun]:
    losses = {values: {seed: _loss(run) for seed, run in candidates[values].items()} for values in common}
    seeds = sorted({seed for values in common for seed in candidates[values]})
    choices = {seed: best_value(losses, seed) for seed in seeds}
    return {seed: candidates[best][seed] for seed, best in choices.items() if seed in candidates[best]}


def _loss(run: FoundRun) -> float:
    loss = run.value(CHOSEN_BY)
    return math.inf if loss is None else loss


def best_value(losses: Mapping[str, Mapping[int, float]], seed: int) -> str:
    """The value with the lowest mean loss over all seeds but this one; the first of equals.

    losses: value -> seed -> loss. A missing loss is infinite.
    """
    others = {other for known in losses.values() for other in known} - {seed} or {seed}

    def mean_loss(value: str) -> float:
        return sum(losses[value].get(other, math.inf) for other in others) / len(others)

    return min(losses, key=mean_loss)
