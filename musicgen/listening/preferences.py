"""preferences.csv: how often each arm was preferred to the baseline, and Bradley and Terry's strengths."""

import math
from typing import TYPE_CHECKING

from musicgen.listening.statistics import Estimate, bradley_terry, share_chosen
from musicgen.listening.stimuli import BASELINE, CORPUS
from musicgen.study.statistics import holm

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


def preferences_table(choices: "DataFrame") -> "DataFrame":
    """A row for each arm against the baseline, and for the corpus anchors against shuffled notes.

    choices: as `choices_table` gives it; repeats do not count. share: of pairs in which the arm was chosen, with
    Wilson's interval and the exact binomial p value, which take the pairs as independent; p_holm over the arms.
    strength: Bradley and Terry's log odds against the baseline, with an interval over listeners.
    """
    from pandas import DataFrame

    first = choices[~choices["is_repeat"].astype(bool)]
    arms = [arm for arm in dict.fromkeys(first["arm"]) if arm != CORPUS]
    strengths = _strengths(first, arms)
    rows = []
    for arm in [*arms, *([CORPUS] if (first["arm"] == CORPUS).any() else [])]:
        own = first[first["arm"] == arm]
        num_chosen = int((own["chosen"] == arm).sum())
        share, p_value = share_chosen(num_chosen, len(own))
        strength = strengths.get(arm, Estimate(math.nan, math.nan, math.nan))
        rows.append(
            {
                "arm": arm,
                "num_chosen": num_chosen,
                "num_pairs": len(own),
                "share": share.value,
                "ci_low": share.low,
                "ci_high": share.high,
                "p_value": p_value,
                "p_holm": math.nan,
                "strength": strength.value,
                "strength_low": strength.low,
                "strength_high": strength.high,
                "num_listeners": own["listener"].nunique(),
            }
        )
    table = DataFrame(rows, columns=list(COLUMNS))
    if arms:
        table.loc[: len(arms) - 1, "p_holm"] = holm(table["p_value"].to_numpy()[: len(arms)])
    return table


def _strengths(choices: "DataFrame", arms: list[str]) -> dict[str, Estimate]:
    """Of the arms, where there are at least two beside the baseline or one with several listeners."""
    if not arms:
        return {}
    numbers = {BASELINE: 0} | {arm: number for number, arm in enumerate(arms, start=1)}
    by_listener: dict[str, list[tuple[int, int]]] = {}
    for row in choices[choices["arm"] != CORPUS].to_dict("records"):
        chosen, pair = numbers[row["chosen"]], {0, numbers[row["arm"]]}
        by_listener.setdefault(str(row["listener"]), []).append((chosen, (pair - {chosen}).pop()))
    fitted = bradley_terry(len(numbers), list(by_listener.values()))
    return {arm: fitted[numbers[arm]] for arm in arms}
