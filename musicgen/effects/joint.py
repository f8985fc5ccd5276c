"""Which changes of a study won, and whether their gains add up when they are combined."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.effects.differences import COMBINED
from musicgen.effects.effect import PLAIN, Effect
from musicgen.effects.pairing import pair_runs
from musicgen.effects.statistics import ALPHA
from musicgen.effects.table import effects_table
from musicgen.metrics.registry import metric_words
from musicgen.records.runs import find_runs
from musicgen.system.words import decimals, listed, signed


def winning_levels(directory: Path, metric: str) -> set[tuple[str, object]]:
    """Parameter and level of every winner among the runs of a sweep, by one metric.

    A winner improves the metric after Holm's correction, and by more than the other levels of its parameter.
    """
    paired = pair_runs(find_runs([directory]))
    best: dict[str, tuple[float, object]] = {}
    for effect in effects_table(paired):
        if effect.metric != metric or effect.tuning != PLAIN or effect.parameter == COMBINED:
            continue
        if not effect.p_holm <= ALPHA:
            continue
        # Near the corpus, a clear change of the metric need not bring it clearly nearer.
        if effect.gain_low > 0 and effect.gain > best.get(effect.parameter, (0.0, None))[0]:
            best[effect.parameter] = effect.gain, effect.value
    return {(parameter, value) for parameter, (_, value) in best.items()}


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
        """The numbers and what follows from them, in a line."""
        style = f".{decimals(self.high - self.low) if self.has_interval else 4}f"
        total, joint, low, high = (
            signed(number, style) for number in (self.sum_of_singles, self.joint, self.low, self.high)
        )
        return (
            f"{metric_words(self.metric)}: the single effects of {listed(self.changes)} sum to {total}; "
            f"together they give {joint}{f' [{low}, {high}]' if self.has_interval else ''}: {self._judgement}"
        )

    @property
    def has_interval(self) -> bool:
        """Whether there were enough seeds for one."""
        return not math.isnan(self.low)

    @property
    def _judgement(self) -> str:
        if not self.has_interval:
            return "without an interval, whether they add up is open"
        if self.low <= self.sum_of_singles <= self.high:
            return "the sum is inside the interval, so they add up as far as this design can tell"
        if self.sum_of_singles * self.joint < 0:
            return "the opposite of the sum"
        return f"{'less' if abs(self.joint) < abs(self.sum_of_singles) else 'more'} than the sum"


def additivity(effects: Sequence[Effect]) -> list[Additivity]:
    """The joint effect on each primary metric, where the effect of each of its changes is known."""
    known = [
        effect
        for effect in effects
        if effect.tuning == PLAIN and effect.is_primary and not math.isnan(effect.difference)
    ]
    found = []
    for joint in known:
        if joint.parameter != COMBINED:
            continue
        # The joint level is a list of overrides.
        changes = [part for part in str(joint.value).replace(",", " ").split() if "=" in part]
        singles = {
            f"{effect.parameter}={effect.value}": effect.difference
            for effect in known
            if effect.metric == joint.metric and any(_is_change(effect, change) for change in changes)
        }
        if singles and len(singles) == len(changes):
            numbers = joint.difference, joint.ci_low, joint.ci_high
            found.append(Additivity(joint.metric, tuple(singles), sum(singles.values()), *numbers))
    return found


def _is_change(effect: Effect, override: str) -> bool:
    """Whether an override such as "training.learning_rate=5e-3" means the effect's change."""
    name, _, level = override.partition("=")
    if name != effect.parameter:
        return False
    try:
        return float(level) == float(str(effect.value))
    except ValueError:
        return level == str(effect.value)
