"""Do the gains add up? The sum of single effects beside the effect of all these changes together."""

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicgen.effects.pairing import COMBINED
from musicgen.effects.table import PLAIN
from musicgen.effects.verdict import decimals, metric_words

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, slots=True)
class Additivity:
    """One primary metric under all winning changes."""

    metric: str
    changes: tuple[str, ...]
    """The single changes, such as "model=gru"."""
    sum_of_singles: float
    joint: float
    low: float
    high: float
    """95 % interval of the joint effect; NaN with one seed."""

    @property
    def sentence(self) -> str:
        """What the numbers say, in a line."""
        places = decimals(self.high - self.low) if self.has_interval else 4
        total, joint = f"{self.sum_of_singles:+.{places}f}", f"{self.joint:+.{places}f}"
        interval = f" [{self.low:+.{places}f}, {self.high:+.{places}f}]" if self.has_interval else ""
        return (
            f"{metric_words(self.metric)}: {' and '.join(self.changes)} sum to {total} one by one, "
            f"together they do {joint}{interval}; {self._judgement}"
        )

    @property
    def has_interval(self) -> bool:
        """Whether there were seeds enough for one."""
        return not math.isnan(self.low)

    @property
    def _judgement(self) -> str:
        if not self.has_interval:
            return "no interval, so nothing is said of whether they add up"
        if self.low <= self.sum_of_singles <= self.high:
            return "the sum lies inside the interval: they add up as far as this design can tell"
        if self.sum_of_singles * self.joint < 0:
            return "together they do the opposite"
        return f"{'less' if abs(self.joint) < abs(self.sum_of_singles) else 'more'} than the sum"


def additivity(effects: "DataFrame") -> list[Additivity]:
    """The joint effect on each primary metric, where the table has the effect of each of its changes."""
    rows = [
        row
        for row in effects.to_dict("records")
        if row["tuning"] == PLAIN and row["family"] == "primary" and not math.isnan(row["difference"])
    ]
    found = []
    for joint in (row for row in rows if row["parameter"] == COMBINED):
        listed = re.findall(r"[\w./]+=[^\s,;]+", str(joint["value"]))
        parts = {
            f"{row['parameter']}={row['value']}": float(row["difference"])
            for row in rows
            if row["metric"] == joint["metric"]
            and any(_is_named(change, row["parameter"], row["value"]) for change in listed)
        }
        if parts and len(parts) == len(listed):
            numbers = (float(joint[name]) for name in ("difference", "ci_low", "ci_high"))
            found.append(Additivity(str(joint["metric"]), tuple(parts), sum(parts.values()), *numbers))
    return found


def _is_named(change: str, parameter: str, value: object) -> bool:
    """Whether a text such as "training.learning_rate=5e-3" means this level, however it writes the number."""
    name, _, text = change.partition("=")
    if name != parameter:
        return False
    try:
        return float(text) == float(str(value))
    except ValueError:
        return text == str(value)
