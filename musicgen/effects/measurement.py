"""Each metric of each arm, paired with the baseline by seed; and how much a metric scatters over all arms."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from musicgen.config import Change
from musicgen.effects.effect import MIN_AGREEING_SEEDS, PLAIN, RETUNED, ROUNDING
from musicgen.effects.noise import sampling_part
from musicgen.effects.pairing import PairedRuns
from musicgen.effects.retuning import retuned_runs
from musicgen.effects.statistics import Floats, PairedEffect, compare
from musicgen.effects.tested_values import as_tested
from musicgen.records.runs import FoundRun

MIN_CHANGES_TO_POOL = 3
"""Changes whose spreads are judged together."""


@dataclass(frozen=True, slots=True)
class PairedArm:
    """The runs of an arm, each with the baseline's run of the same seed."""

    change: Change
    tuning: str
    runs: Sequence[tuple[FoundRun, FoundRun]]
    """(baseline, changed) for each common seed."""
    baseline: Sequence[FoundRun]
    """Every seed of the baseline, including those that the arm lacks."""
    tuned_on: str = ""
    """Of a re-tuned arm: which seeds chose which values."""

    @property
    def shares_training(self) -> bool:
        """Whether the change leaves the weights as they are."""
        return all(first.record.training_id == second.record.training_id for first, second in self.runs)

    def can_move(self, metric: str) -> bool:
        """Whether the change can have an effect on the metric at all."""
        # Runs of several lengths share a training.
        is_same_length = all(_length(first) == _length(second) for first, second in self.runs)
        return not (metric.startswith("fit/") and self.shares_training and is_same_length)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One metric of one arm, before its family is known."""

    arm: PairedArm
    metric: str
    family: str
    valued: Sequence[tuple[FoundRun, FoundRun]]
    """The pairs with a value in both."""
    missing: Sequence[FoundRun]
    """The runs without a value."""
    baseline_values: Floats
    changed_values: Floats
    effect: PairedEffect | None
    tested_difference: float
    """Mean difference on the scale of the test: in logits for shares of counted things."""

    @property
    def differences(self) -> Floats:
        """Changed less baseline, for each pair."""
        return self.changed_values - self.baseline_values

    @property
    def tested_spread(self) -> float:
        """Standard deviation of the differences on that scale; NaN for one seed."""
        return math.nan if self.effect is None else float(self.effect.standard_deviation)

    @property
    def differs(self) -> bool:
        """False if every seed has the same value in both."""
        return bool((abs(self.differences) > ROUNDING * abs(self.changed_values)).any())

    @property
    def is_test(self) -> bool:
        """False if the change cannot affect the metric."""
        return self.differs or not self.arm.shares_training

    @property
    def spread(self) -> float:
        """Standard deviation of the seeds' differences; NaN for one seed."""
        differences = self.differences.tolist()
        return statistics.stdev(differences) if len(differences) > 1 else math.nan

    @property
    def sampling_noise(self) -> float:
        """Standard error of a run's value from sampling finitely many tunes; NaN if unknown."""
        return sampling_part([run for pair in self.valued for run in pair], self.metric)

    @property
    def p_value(self) -> float:
        """The p value before any adjustment; NaN without a test."""
        return math.nan if self.effect is None else float(self.effect.p_value)


@dataclass(frozen=True, slots=True)
class Scatter:
    """How much the seeds' differences in one metric scatter, from all changes together; NaN if unknown."""

    typical_spread: float
    """Standard deviation of a difference."""
    tested_spread: float
    """The same on the scale of the test, from enough changes to rely on."""

    @classmethod
    def of(cls, measurements: Sequence[Measurement]) -> "Scatter":
        """The scatter of one metric's measurements."""
        known = [one.tested_spread**2 for one in measurements if one.tested_spread > 0]
        is_enough = len(known) >= MIN_CHANGES_TO_POOL
        return cls(
            _typical_spread(measurements), math.sqrt(statistics.mean(known)) if is_enough else math.nan
        )

    def size_of(self, measured: Measurement) -> float:
        """A difference in spreads between seeds: its own, or the typical one if that is larger."""
        if len(measured.valued) < MIN_AGREEING_SEEDS or not measured.tested_spread > 0:
            return math.nan
        spread = max(measured.tested_spread, self.tested_spread)
        return abs(measured.tested_difference) / spread if self.tested_spread > 0 else math.nan


def _typical_spread(measurements: Sequence[Measurement]) -> float:
    """From arms with several seeds, else from the baseline's seeds, else from the sampling of tunes."""
    variances = [one.spread**2 for one in measurements if one.spread > 0]
    if variances:
        return math.sqrt(statistics.mean(variances))
    for one in measurements:
        values = [value for run in one.arm.baseline if (value := run.value(one.metric)) is not None]
        if len(values) > 1 and (spread := statistics.stdev(values)) > 0:
            return math.sqrt(2) * spread
    noises = [one.sampling_noise for one in measurements if one.sampling_noise > 0]
    return math.sqrt(2 * statistics.mean(noise**2 for noise in noises)) if noises else math.nan


def _length(run: FoundRun) -> object:
    return run.setting("training.num_iterations")


def paired_arms(paired: PairedRuns) -> list[PairedArm]:
    """Each arm with its baseline, and each re-tuned arm with the re-tuned baseline."""
    found = []
    for arm in paired.arms:
        assert arm.change is not None
        found.append(_pair(arm.change, PLAIN, paired.baseline.by_seed, arm.by_seed))
        if (retuned := retuned_runs(paired.baseline, arm)) is not None:
            pairs = _pair(arm.change, RETUNED, retuned.baseline, retuned.changed)
            found.append(replace(pairs, tuned_on=retuned.words))
    return found


def _pair(
    change: Change, tuning: str, baseline: Mapping[int, FoundRun], changed: Mapping[int, FoundRun]
) -> PairedArm:
    runs = [(baseline[seed], run) for seed, run in changed.items() if seed in baseline]
    return PairedArm(change, tuning, runs, list(baseline.values()))


def measure(arm: PairedArm, metric: str, family: str) -> Measurement:
    """The metric in every pair of the arm's runs, and the effect on it."""
    values = [(first.value(metric), second.value(metric)) for first, second in arm.runs]
    valued = [pair for pair, both in zip(arm.runs, values, strict=True) if None not in both]
    missing = dict.fromkeys(
        run
        for pair, both in zip(arm.runs, values, strict=True)
        for run, value in zip(pair, both, strict=True)
        if value is None
    )
    known = np.array([both for both in values if None not in both], np.float64).reshape(-1, 2)
    first, second = known.T
    effect, difference = None, math.nan
    if valued:
        baseline, changed = (as_tested([pair[place] for pair in valued], metric) for place in (0, 1))
        effect = compare(baseline, changed)
        difference = float((changed.numbers - baseline.numbers).mean())
    return Measurement(arm, metric, family, valued, list(missing), first, second, effect, difference)
