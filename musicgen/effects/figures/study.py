"""What the figures draw: the arms of paired runs, their effects and their loss curves."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from musicgen.config import Change
from musicgen.effects.effect import PLAIN, RETUNED, Effect
from musicgen.effects.pairing import COMBINED, PairedRuns
from musicgen.effects.terms import Terms
from musicgen.metrics.registry import HEADLINE
from musicgen.records.naming import as_number, level_of, shown_change, shown_level
from musicgen.records.runs import FoundRun

Row = Mapping[str, Any]
"""A row of history.csv: column -> number."""


@dataclass(frozen=True, slots=True)
class DrawnArm:
    """An arm as figures name it, plain or re-tuned."""

    parameter: str
    level: str
    baseline_level: str
    tuning: str
    runs: Sequence[FoundRun]
    """Empty for a re-tuned arm: which runs were chosen differs from seed to seed."""

    @property
    def number(self) -> float | None:
        """The level, where it is a number."""
        return as_number(self.level)

    @property
    def shown_level(self) -> str:
        """The level for a reader."""
        return shown_level(self.level) + (f", {RETUNED}" if self.tuning == RETUNED else "")

    @property
    def label(self) -> str:
        """Such as "learning_rate=0.01"."""
        return change_label(self.parameter, self.level, self.tuning)


def change_label(parameter: str, value: object, tuning: str = PLAIN) -> str:
    """Such as "cell=gru". The levels of a joint change are on a second line."""
    words = shown_change(parameter, value)
    if parameter == COMBINED:
        return words.replace(": ", ":\n", 1)
    return words + (f", {RETUNED}" if tuning == RETUNED else "")


class DrawnStudy:
    """Paired runs, their effects and the rows of their history.csv files."""

    def __init__(
        self, paired: PairedRuns, effects: Sequence[Effect], histories: Mapping[FoundRun, Sequence[Row]]
    ) -> None:
        self.baseline_runs = paired.baseline.runs
        self.histories = histories
        self._paired, self._terms = paired, Terms.of(paired)
        self._effects = {
            (effect.parameter, effect.level, effect.tuning, effect.metric): effect for effect in effects
        }

    @cached_property
    def arms(self) -> Sequence[DrawnArm]:
        """Every arm, plain or re-tuned: parameters in the order of the runs, numbers ascending."""
        changes = [(arm.change, arm.runs) for arm in self._paired.arms if arm.change is not None]
        retuned = {place[:2] for place in self._effects if place[2] == RETUNED}
        arms = [_drawn(change, PLAIN, runs) for change, runs in changes]
        arms += [
            _drawn(change, RETUNED, ())
            for change, _ in changes
            if (change.parameter, level_of(change.value)) in retuned
        ]
        parameters = list(dict.fromkeys(arm.parameter for arm in arms))
        # Sorting is stable: levels that are not numbers keep their order.
        return sorted(
            arms,
            key=lambda arm: (parameters.index(arm.parameter), math.inf if arm.number is None else arm.number),
        )

    def arms_by_parameter(self) -> Mapping[str, Sequence[DrawnArm]]:
        """Parameter -> its arms, both in their order."""
        grouped: dict[str, list[DrawnArm]] = {}
        for arm in self.arms:
            grouped.setdefault(arm.parameter, []).append(arm)
        return grouped

    @property
    def runs(self) -> Sequence[FoundRun]:
        """All runs, including those of no arm."""
        return [*self._paired.runs, *self._paired.left_out]

    @property
    def primary_metrics(self) -> Sequence[str]:
        """The metrics that the study is about."""
        return self._terms.primary_metrics

    @property
    def metrics(self) -> Sequence[str]:
        """What the figures show: the primary metrics, then the other headline metrics."""
        return list(dict.fromkeys([*self.primary_metrics, *HEADLINE]))

    def effect(self, arm: DrawnArm, metric: str) -> Effect | None:
        """The arm's effect on the metric, if it has a difference and the change can move the metric."""
        effect = self._effects.get((arm.parameter, arm.level, arm.tuning, metric))
        return None if effect is None or math.isnan(effect.difference) or not effect.is_possible else effect

    def can_move(self, arm: DrawnArm, metric: str) -> bool:
        """False if the arm's change leaves the metric as it is, by construction."""
        effect = self._effects.get((arm.parameter, arm.level, arm.tuning, metric))
        return effect is None or effect.is_possible

    def arms_by_size(self) -> Sequence[DrawnArm]:
        """The arms with the largest effect on a primary metric first.

        An effect on one metric is compared with the largest on that metric, so that several metrics, in
        their own units, give one order. Arms without an effect come last.
        """
        metrics = [name for name in self.primary_metrics if any(self.effect(arm, name) for arm in self.arms)]
        sizes = dict.fromkeys(range(len(self.arms)), -1.0)
        for metric in metrics or self.metrics:
            effects = [self.effect(arm, metric) for arm in self.arms]
            largest = max((abs(effect.difference) for effect in effects if effect), default=0.0) or 1.0
            for place, effect in enumerate(effects):
                if effect:
                    sizes[place] = max(sizes[place], abs(effect.difference) / largest)
        return [self.arms[place] for place in sorted(sizes, key=lambda place: -sizes[place])]

    def seed_differences(self, arm: DrawnArm, metric: str) -> Sequence[float]:
        """The value of each run of the arm less the baseline's for the same seed."""
        baseline = _by_seed(self.baseline_runs, metric)
        return [
            value - baseline[seed] for seed, value in _by_seed(arm.runs, metric).items() if seed in baseline
        ]

    def trains_differently(self, arm: DrawnArm) -> bool:
        """Whether the arm has another training than the baseline, or another length of it."""
        known = [_training(run) for run in self.baseline_runs]
        return any(_training(run) not in known for run in arm.runs)

    def reference(self, metric: str) -> tuple[float, float] | None:
        """Mean and SD of held-out corpus tunes, if a run has them."""
        known = (run.record.reference.get(metric) for run in self._paired.runs)
        return next(((spread["mean"], spread["sd"]) for spread in known if spread is not None), None)

    def margin(self, metric: str) -> float | None:
        """The largest difference that does not matter."""
        return self._terms.margin(metric, self._paired.runs)


def _drawn(change: Change, tuning: str, runs: Sequence[FoundRun]) -> DrawnArm:
    return DrawnArm(change.parameter, level_of(change.value), level_of(change.baseline_value), tuning, runs)


def _by_seed(runs: Iterable[FoundRun], metric: str) -> dict[int, float]:
    return {run.record.seed: value for run in runs for value in measured([run], metric)}


def measured(runs: Iterable[FoundRun], metric: str) -> list[float]:
    """The metric's values, of those complete runs that have one."""
    return [value for run in runs if (value := run.value(metric)) is not None]


def how_runs_ended(runs: Sequence[FoundRun]) -> str:
    """Such as "diverged 2 of 3"; empty where every run is complete."""
    counts = Counter(run.record.status for run in runs if run.record.status != "complete")
    return ", ".join(f"{status} {count} of {len(runs)}" for status, count in counts.items())


def _training(run: FoundRun) -> tuple[object, object]:
    return run.record.training_id, run.setting("training.num_iterations")
