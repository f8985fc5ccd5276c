"""preferences.csv: how often each arm was preferred to the baseline, and Bradley–Terry strengths."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from musicgen.effects.statistics import holm
from musicgen.listening.answer_tables import Choice
from musicgen.listening.statistics import Estimate, bradley_terry, share_chosen
from musicgen.listening.stimuli import CORPUS

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = (
    "arm",
    "num_chosen",
    "num_pairs",
    "share",
    "ci_low",
    "ci_high",
    "p_value",
    "p_holm",
    "strength",
    "strength_low",
    "strength_high",
    "num_listeners",
)
_NOTHING = Estimate(math.nan, math.nan, math.nan)


def preferences_table(choices: Sequence[Choice]) -> "DataFrame":
    """A row for each arm against the baseline, and for the corpus anchors against shuffled notes.

    Repeats do not count. share: the share of pairs in which the arm was chosen, with Wilson's interval and
    the exact binomial p value, which assume independent pairs; p_holm: adjusted over the arms. strength:
    Bradley–Terry log odds against the baseline, with an interval over listeners.
    """
    from pandas import DataFrame

    first = [choice for choice in choices if not choice.is_repeat]
    arms = list(dict.fromkeys(choice.arm for choice in first if not choice.anchor))
    own = {arm: [choice for choice in first if choice.arm == arm] for arm in [*arms, CORPUS]}
    shares = {
        arm: share_chosen(sum(one.is_chosen for one in given), len(given)) for arm, given in own.items()
    }
    adjusted = dict(zip(arms, holm([shares[arm][1] for arm in arms]), strict=True)) if arms else {}
    strengths = _strengths([choice for choice in first if not choice.anchor], arms)
    rows = []
    for arm, given in own.items():
        if not given:
            continue
        share, p_value = shares[arm]
        strength = strengths.get(arm, _NOTHING)
        rows.append(
            {
                "arm": arm,
                "num_chosen": sum(one.is_chosen for one in given),
                "num_pairs": len(given),
                "share": share.value,
                "ci_low": share.low,
                "ci_high": share.high,
                "p_value": p_value,
                "p_holm": float(adjusted.get(arm, math.nan)),
                "strength": strength.value,
                "strength_low": strength.low,
                "strength_high": strength.high,
                "num_listeners": len({one.listener for one in given}),
            }
        )
    return DataFrame(rows, columns=list(COLUMNS))


def _strengths(choices: Sequence[Choice], arms: Sequence[str]) -> dict[str, Estimate]:
    numbers = {arm: number for number, arm in enumerate(arms, start=1)}
    by_listener: dict[str, list[tuple[int, int]]] = {}
    for choice in choices:
        number = numbers[choice.arm]
        by_listener.setdefault(choice.listener, []).append((number, 0) if choice.is_chosen else (0, number))
    fitted = bradley_terry(len(arms) + 1, list(by_listener.values())) if choices else []
    return {arm: fitted[number] for arm, number in numbers.items()}
