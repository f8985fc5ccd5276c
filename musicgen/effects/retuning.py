"""A fair change: each level of a parameter with the nuisance values that suit it.

For every seed the nuisance value of a level, the baseline's too, is the one with the lowest mean validation
loss over the *other* seeds, so that no run is judged on the seed that chose it. A single seed has no other:
it chooses for itself. A run that failed or diverged counts as infinitely bad.
"""

import json
import math
from collections.abc import Mapping

from musicgen.effects.pairing import Arm
from musicgen.records.runs import FoundRun

CHOSEN_BY = "fit/validation_loss"

Candidates = Mapping[str, Mapping[int, FoundRun]]
"""Nuisance values as text, "{}" for the baseline's -> seed -> run."""


def retuned_runs(baseline: Arm, arm: Arm) -> tuple[dict[int, FoundRun], dict[int, FoundRun]] | None:
    """Seed -> chosen run, for the baseline and for the arm; None where nothing was tuned again for both.

    Both choose among the nuisance values that both have, an equal budget.
    """
    first, second = _candidates(baseline), _candidates(arm)
    shared = [values for values in first if values in second]
    if len(shared) < 2:
        return None
    return _chosen(first, shared), _chosen(second, shared)


def _candidates(arm: Arm) -> Candidates:
    candidates: dict[str, dict[int, FoundRun]] = {}
    for run in (*arm.runs, *arm.retuned):
        values = json.dumps(run.record.retuned, sort_keys=True)
        candidates.setdefault(values, {})[run.record.seed] = run
    return candidates


def _chosen(candidates: Candidates, shared: list[str]) -> dict[int, FoundRun]:
    losses = {values: {seed: _loss(run) for seed, run in candidates[values].items()} for values in shared}
    seeds = sorted({seed for values in shared for seed in candidates[values]})
    choices = {seed: best_value(losses, seed) for seed in seeds}
    return {seed: candidates[best][seed] for seed, best in choices.items() if seed in candidates[best]}


def _loss(run: FoundRun) -> float:
    loss = run.value(CHOSEN_BY)
    return math.inf if loss is None else loss


def best_value(losses: Mapping[str, Mapping[int, float]], seed: int) -> str:
    """The value with the lowest mean loss over all seeds but this one; the first of equals.

    losses: value -> seed -> loss. A value that lacks one of the other seeds loses to one that has them all.
    """
    others = {other for known in losses.values() for other in known} - {seed} or {seed}

    def mean_loss(value: str) -> float:
        return sum(losses[value].get(other, math.inf) for other in others) / len(others)

    return min(losses, key=mean_loss)
