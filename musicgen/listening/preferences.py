"""preferences.csv: how often each arm was preferred to the baseline, and what that says about the change."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from musicgen.effects.statistics import ALPHA, holm
from musicgen.listening.answer_tables import Choice
from musicgen.listening.statistics import ChosenShare, share_chosen
from musicgen.listening.stimuli import CORPUS
from musicgen.system.words import counted, p_words

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = (
    "arm",
    "num_chosen",
    "num_choices",
    "share",
    "ci_low",
    "ci_high",
    "p_value",
    "p_holm",
    "verdict",
    "num_pairs",
    "num_listeners",
    "num_seeds",
)
MIN_LISTENERS, MIN_SEEDS = 2, 3
"""With fewer, nothing is claimed: one says nothing of others; in simulations, two seeds claim too often."""


def preferences_table(choices: Sequence[Choice]) -> "DataFrame":
    """A row for each arm against the baseline, and for the corpus anchors against shuffled notes.

    Repeats do not count. share: the share of choices for the arm. Its interval covers the spread of listeners
    and of training seeds. With one listener it is about that person. With fewer than three seeds it covers
    the spread of pairs and is about these networks. Only with more are there a p value, p_holm (adjusted over
    the arms) and a verdict on the change.
    """
    from pandas import DataFrame

    first = [choice for choice in choices if not choice.is_repeat]
    arms = list(dict.fromkeys(choice.arm for choice in first if not choice.anchor))
    own = {arm: given for arm in [*arms, CORPUS] if (given := [one for one in first if one.arm == arm])}
    shares = {arm: _share(given) for arm, given in own.items()}
    p_values = {arm: shares[arm].p_value for arm in arms if not _lacking(own[arm])}
    adjusted = dict(zip(p_values, holm(list(p_values.values())).tolist(), strict=True)) if p_values else {}
    rows = []
    for arm, given in own.items():
        share = shares[arm]
        rows.append(
            {
                "arm": arm,
                "num_chosen": sum(one.is_chosen for one in given),
                "num_choices": len(given),
                "share": float(share.value),
                "ci_low": float(share.low),
                "ci_high": float(share.high),
                "p_value": p_values.get(arm, math.nan),
                "p_holm": adjusted.get(arm, math.nan),
                "verdict": _verdict(given, share, adjusted.get(arm, math.nan)) if arm in arms else "",
                "num_pairs": len({one.pair_id for one in given}),
                "num_listeners": len({one.listener for one in given}),
                "num_seeds": len(_seeds(given)),
            }
        )
    return DataFrame(rows, columns=list(COLUMNS))


def _share(choices: Sequence[Choice]) -> ChosenShare:
    is_by_seed = len(_seeds(choices)) >= MIN_SEEDS
    units = [str(one.seed) if is_by_seed else one.pair_id for one in choices]
    places = [list(dict.fromkeys(names)) for names in ([one.listener for one in choices], units)]
    counts = np.zeros((2, len(places[0]), len(places[1])))
    for choice, unit in zip(choices, units, strict=True):
        place = places[0].index(choice.listener), places[1].index(unit)
        counts[(0, *place)] += choice.is_chosen
        counts[(1, *place)] += 1
    return share_chosen(counts[0], counts[1])


def _seeds(choices: Sequence[Choice]) -> set[int]:
    return {one.seed for one in choices if one.seed is not None}


def _lacking(choices: Sequence[Choice]) -> str:
    """Why the choices say nothing about the change; empty if they may."""
    num_listeners, num_seeds = len({one.listener for one in choices}), len(_seeds(choices))
    lines = []
    if num_listeners < MIN_LISTENERS:
        lines.append("one listener speaks for one person")
    if num_seeds < MIN_SEEDS:
        lines.append(f"{counted(num_seeds, 'seed')} of at least {MIN_SEEDS}")
    return "; ".join(lines)


def _verdict(choices: Sequence[Choice], share: ChosenShare, adjusted_p: float) -> str:
    if lacking := _lacking(choices):
        return f"cannot be told: {lacking}"
    design = f"Holm {p_words(adjusted_p)}, {_design(choices)}"
    if adjusted_p > ALPHA:
        return f"cannot be told from these choices ({design})"
    return f"{'the arm' if share.value > 0.5 else 'the baseline'} is preferred ({design})"


def _design(choices: Sequence[Choice]) -> str:
    listeners = counted(len({one.listener for one in choices}), "listener")
    return f"{listeners}, {counted(len(_seeds(choices)), 'seed')}"
