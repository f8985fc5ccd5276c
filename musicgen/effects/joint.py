"""Which changes of a study won, and whether their gains add up when they are combined.

Whether they do is judged seed by seed, by joint - Σ singles + (m - 1) · baseline, which is 0 if they add up.
The noise of all these runs is in it. (The joint effect's own interval knows nothing of the noise of the
singles: the sum of two or three lies outside it in 9 to 28 % of studies whose effects do add up.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.config import Change
from musicgen.effects.differences import COMBINED
from musicgen.effects.effect import PLAIN
from musicgen.effects.pairing import Arm, PairedRuns, pair_runs
from musicgen.effects.statistics import ALPHA, compare
from musicgen.effects.table import effects_table
from musicgen.effects.terms import Terms
from musicgen.effects.tested_values import as_tested
from musicgen.metrics.registry import metric_words
from musicgen.records.naming import level_of
from musicgen.records.runs import find_runs, level_cell
from musicgen.system.words import counted, decimals, listed, signed

MIN_SEEDS = 3
"""With two, the interval of three shares' sum covers only 0.90."""


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
    num_seeds: int
    """Seeds with a value in the baseline, in each single change and in the joint one."""
    sum_of_singles: float
    joint: float
    beyond_sum: float
    """The joint effect less the sum; 0 if the changes add up."""
    low: float
    high: float
    """95 % interval of `beyond_sum`; NaN with one seed, or if all seeds agree exactly."""

    @property
    def sentence(self) -> str:
        """The numbers and what follows from them, in a line."""
        style = f".{decimals(self.high - self.low) if self.has_interval else 4}f"
        total, joint = (signed(number, style) for number in (self.sum_of_singles, self.joint))
        return (
            f"{metric_words(self.metric)}: the single effects of {listed(self.changes)} sum to {total}; "
            f"together they give {joint}: {self._judgement(style)}"
        )

    @property
    def has_interval(self) -> bool:
        """Whether there are enough seeds, and a spread to judge by."""
        return self.num_seeds >= MIN_SEEDS and not math.isnan(self.low)

    def _judgement(self, style: str) -> str:
        seeds = counted(self.num_seeds, "seed")
        if not self.has_interval:
            reason = f"of at least {MIN_SEEDS}" if self.num_seeds < MIN_SEEDS else "without any spread"
            return f"whether they add up cannot be told from {seeds} {reason}"
        if self.low <= 0 <= self.high:
            number, low, high = (signed(one, style) for one in (self.beyond_sum, self.low, self.high))
            return (
                "they add up as far as this design can tell: "
                f"difference from the sum {number} [{low}, {high}], {seeds}"
            )
        ends = sorted((abs(self.low), abs(self.high)))
        number, low, high = (f"{one:{style}}" for one in (abs(self.beyond_sum), *ends))
        word = "less" if self.sum_of_singles * self.beyond_sum < 0 else "more"
        return f"{word} than the sum by {number} [{low}, {high}], {seeds}"


def additivity(paired: PairedRuns) -> list[Additivity]:
    """The joint effect on each primary metric, where each of its changes was also made alone."""
    found = []
    for joint in paired.arms:
        if joint.change is None or joint.change.parameter != COMBINED:
            continue
        # The joint level is the text of the single changes, one after the other.
        text = _words(joint.change.value)
        named = [
            (arm, words)
            for arm in paired.arms
            if arm.change is not None
            for words in _spellings(arm.change)
            if f" {words} " in f" {text} "
        ]
        singles = [arm for arm, _ in named]
        if singles and len(" ".join(words for _, words in named)) == len(text):
            judged = (_judge(name, paired, singles, joint) for name in Terms.of(paired).primary_metrics)
            found += [one for one in judged if one is not None]
    return found


def _spellings(change: Change) -> set[str]:
    """How a joint level may name the change. Earlier versions wrote null and lists as Python does."""
    return {_words(f"{change.parameter}={value}") for value in (level_cell(change.value), change.value)}


def _words(changes: object) -> str:
    """The words of some changes, the same however their numbers are written: 0.005 or 5e-3."""
    parts = (word.partition("=") for word in str(changes).replace(",", " ").split())
    return " ".join(f"{name}={level_of(level)}" if sign else name for name, sign, level in parts)


def _judge(metric: str, paired: PairedRuns, singles: Sequence[Arm], joint: Arm) -> Additivity | None:
    """None if no seed has a value in all arms."""
    arms = [
        {run.record.seed: run for run in arm.runs if run.value(metric) is not None}
        for arm in (paired.baseline, *singles, joint)
    ]
    seeds = sorted(set.intersection(*map(set, arms)))
    if not seeds:
        return None
    baseline, *alone, together = (as_tested([arm[seed] for seed in seeds], metric) for arm in arms)
    expected = baseline.plus_changes(alone)
    beyond = compare(expected, together)
    return Additivity(
        metric,
        tuple(f"{arm.change.parameter}={level_cell(arm.change.value)}" for arm in singles if arm.change),
        len(seeds),
        float(compare(baseline, expected).difference),
        float(compare(baseline, together).difference),
        float(beyond.difference),
        float(beyond.low),
        float(beyond.high),
    )
