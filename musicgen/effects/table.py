"""The effects table: what each arm did to each metric, paired by seed, with an interval and one verdict.

The family of primary tests is every arm, plain and re-tuned, times the study's primary metrics; Holm keeps
false claims in it below 5 %. All other metrics are exploratory. A metric that an arm cannot change, because
it shares the baseline's training, is not a test and does not enlarge a family. The first stage of a study in
stages only screens: its rows have no adjusted p and claim nothing.
"""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from musicgen.config import Change
from musicgen.effects.effect import (
    EQUIVALENCE_MARGIN,
    EXPLORATORY,
    MIN_AGREEING_SEEDS,
    PLAIN,
    PRIMARY,
    RETUNED,
    ROUNDING,
    SCREENING,
    Effect,
)
from musicgen.effects.noise import sampling_part
from musicgen.effects.pairing import Arm, PairedRuns
from musicgen.effects.retuning import retuned_runs
from musicgen.effects.statistics import (
    ALPHA,
    Floats,
    Measured,
    PairedEffect,
    benjamini_hochberg,
    compare,
    holm,
    paired_effect,
    prediction_interval,
)
from musicgen.effects.verdict import Evidence, answer, verdict
from musicgen.errors import InputError
from musicgen.metrics.registry import METRICS, Direction, limits_of
from musicgen.records.runs import FoundRun, level_cell, metric_names

COUNTED_SHARES = frozenset(
    {
        "validity/complete_rate",
        "validity/parse_rate",
        "validity/bar_rate",
        "validity/tune_rate",
        "validity/ended_rate",
        "validity/loop_rate",
        "validity/whole_rate",
        "validity/sound_rate",
        "validity/strict_sound_rate",
        "diversity/unique_tunes",
        "originality/copied_share",
        "originality/transposed_copied_share",
        "originality/novelty_8",
        "structure/lag_repeat",
        "structure/tonic_ending",
        "structure/section_tonic_endings",
        "structure/section_ends_that_fit",
        "structure/form",
        "structure/downbeat_triad",
        "structure/key_found",
    }
)
"""Metrics that give the share of things with some property; they are compared as logits.

The things are tunes, bars, notes or runs of notes. Those of one tune are not independent, so n is the number
of tunes, except for the bar rate, where it is the number of bars. Ratios of distinct to all n-grams or bars
do not belong here.
"""
PRIMARY_METRICS = ("fit/validation_loss", "validity/sound_rate")
MIN_CHANGES_TO_POOL = 3
"""Changes whose spreads are judged together."""
_MIN_SEEDS_TO_PREDICT = 3
"""Baseline seeds that a prediction interval needs."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the study declared in advance."""

    primary_metrics: Sequence[str]
    equivalence_margin: Mapping[str, float]
    is_screening: bool = False
    """Whether these are the runs of a study's first stage, which claims nothing."""

    @classmethod
    def of(cls, paired: PairedRuns) -> "Terms":
        """The terms of the runs' study, or the defaults."""
        for run in paired.runs:
            study = run.record.config.get("study")
            if isinstance(study, Mapping):
                return cls(
                    study.get("primary_metrics", PRIMARY_METRICS),
                    study.get("equivalence_margin", EQUIVALENCE_MARGIN),
                    study.get("stages") is not None,
                )
        return cls(PRIMARY_METRICS, EQUIVALENCE_MARGIN)

    def family(self, metric: str) -> str:
        """The family of tests that a metric's rows belong to."""
        if self.is_screening:
            return SCREENING
        return PRIMARY if metric in self.primary_metrics else EXPLORATORY

    def margin(self, metric: str, runs: Iterable[FoundRun]) -> float | None:
        """The largest difference that does not matter: declared, or 1 SD of the reference of these runs."""
        if metric in self.equivalence_margin:
            return self.equivalence_margin[metric]
        known = (run.record.reference.get(metric) for run in runs)
        return next((reference["sd"] for reference in known if reference is not None), None)


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
    def tested_spread(self) -> float:
        """Standard deviation of the differences on that scale; NaN for one seed."""
        return math.nan if self.effect is None else float(self.effect.standard_deviation)

    @property
    def differs(self) -> bool:
        """False if every seed has the same value in both."""
        difference = abs(self.changed_values - self.baseline_values)
        return bool((difference > ROUNDING * abs(self.changed_values)).any())

    @property
    def is_test(self) -> bool:
        """False if the change cannot affect the metric."""
        return self.differs or not self.arm.shares_training

    @property
    def spread(self) -> float:
        """Standard deviation of the seeds' differences; NaN for one seed."""
        differences = (self.changed_values - self.baseline_values).tolist()
        return statistics.stdev(differences) if len(differences) > 1 else math.nan

    @property
    def sampling_noise(self) -> float:
        """Standard error of a run's value from sampling finitely many tunes; NaN if unknown."""
        return sampling_part([run for pair in self.valued for run in pair], self.metric)

    @property
    def p_value(self) -> float:
        """The p value before any adjustment; NaN without a test."""
        return math.nan if self.effect is None else float(self.effect.p_value)


def effects_table(paired: PairedRuns) -> list[Effect]:
    """The effect of each arm and tuning on each metric; numbers that do not exist are NaN."""
    terms = Terms.of(paired)
    metrics = dict.fromkeys([*terms.primary_metrics, *metric_names(paired.runs)])
    # Bits are the nats again, in another unit.
    names = [name for name in metrics if not name.endswith("_bits")]
    measurements = [_measure(arm, name, terms.family(name)) for arm in _paired_arms(paired) for name in names]
    by_metric: dict[str, list[Measurement]] = {}
    for one in measurements:
        by_metric.setdefault(one.metric, []).append(one)
    scatters = {name: Scatter.of(measured) for name, measured in by_metric.items()}
    effects: dict[int, Effect] = {}
    for name, adjust in _ADJUSTMENTS.items():
        family = [one for one in measurements if one.family == name]
        tests = [one for one in family if one.is_test]
        adjusted = dict(zip(map(id, tests), adjust([one.p_value for one in tests]), strict=True))
        level = ALPHA / max(len(tests), 1)
        for one in family:
            adjusted_p = float(adjusted.get(id(one), math.nan))
            effects[id(one)] = _effect(one, _evidence(one, terms, adjusted_p, level, scatters[one.metric]))
    return [effects[id(one)] for one in measurements]


def _unadjusted(p_values: Sequence[float]) -> Sequence[float]:
    """Nothing: screening claims nothing, so no p value belongs to it."""
    return [math.nan] * len(p_values)


_ADJUSTMENTS: Mapping[str, Callable[[Sequence[float]], Iterable[float]]] = {
    PRIMARY: holm,
    EXPLORATORY: benjamini_hochberg,
    SCREENING: _unadjusted,
}


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


def _paired_arms(paired: PairedRuns) -> list[PairedArm]:
    """Each arm with its baseline, and each re-tuned arm with the re-tuned baseline."""
    found = []
    for arm in paired.arms:
        assert arm.change is not None
        found.append(_pair(arm.change, PLAIN, _by_seed(paired.baseline), _by_seed(arm)))
        if (retuned := retuned_runs(paired.baseline, arm)) is not None:
            pairs = _pair(arm.change, RETUNED, retuned.baseline, retuned.changed)
            found.append(replace(pairs, tuned_on=retuned.words))
    return found


def _by_seed(arm: Arm) -> dict[int, FoundRun]:
    return {run.record.seed: run for run in arm.runs}


def _pair(
    change: Change, tuning: str, baseline: Mapping[int, FoundRun], changed: Mapping[int, FoundRun]
) -> PairedArm:
    runs = [(baseline[seed], run) for seed, run in changed.items() if seed in baseline]
    return PairedArm(change, tuning, runs, list(baseline.values()))


def _measure(arm: PairedArm, metric: str, family: str) -> Measurement:
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


def as_tested(runs: Sequence[FoundRun], metric: str) -> Measured:
    """The metric of each run, all of which have it, on the scale of the test."""
    return Measured.of([run.value(metric) or 0.0 for run in runs], counts_behind(runs, metric))


def counts_behind(runs: Iterable[FoundRun], metric: str) -> list[int] | None:
    """For each run, of how many things the metric is the share; None for a metric that is not such a share.

    Raises InputError for a value outside 0 to 1: a run may come from somebody else.
    """
    if metric not in COUNTED_SHARES:
        return None
    counts = []
    for run in runs:
        if not 0 <= (run.value(metric) or 0) <= 1:
            raise InputError(f"{run.directory}: {metric}={run.value(metric)} must be a share, from 0 to 1")
        counts.append(num_counted(run, metric))
    return counts


def num_counted(run: FoundRun, metric: str) -> int:
    """How many things a share of COUNTED_SHARES counts in a run."""
    bars = run.num_bars if metric == "validity/bar_rate" else None
    return bars or run.num_tunes


def _effect(measured: Measurement, evidence: Evidence) -> Effect:
    arm, has_values = measured.arm, measured.effect is not None
    differences = measured.changed_values - measured.baseline_values
    return Effect(
        parameter=arm.change.parameter,
        value=level_cell(arm.change.value),
        baseline_value=level_cell(arm.change.baseline_value),
        metric=measured.metric,
        num_seeds=len(measured.valued),
        baseline_mean=float(measured.baseline_values.mean()) if has_values else math.nan,
        mean=float(measured.changed_values.mean()) if has_values else math.nan,
        difference=evidence.difference,
        ci_low=evidence.low,
        ci_high=evidence.high,
        p_value=measured.p_value,
        p_holm=evidence.adjusted_p if measured.family == PRIMARY else math.nan,
        minimum_detectable_effect=evidence.minimum_detectable,
        decision=evidence.decision,
        verdict=verdict(evidence),
        tuning=arm.tuning,
        family=measured.family,
        p_fdr=evidence.adjusted_p if measured.family == EXPLORATORY else math.nan,
        median_difference=statistics.median(differences.tolist()) if has_values else math.nan,
        num_positive=int(np.sum(differences > 0)),
        num_negative=int(np.sum(differences < 0)),
        num_failed=len(measured.missing),
        sampling_noise=evidence.sampling_noise,
        shares_training=arm.shares_training,
        gain=evidence.gain,
        gain_low=evidence.gain_low,
        gain_high=evidence.gain_high,
        equivalence_low=evidence.equivalence_low,
        equivalence_high=evidence.equivalence_high,
        margin=evidence.margin,
        spread=evidence.spread,
        grade=evidence.grade,
        answer=answer(evidence),
    )


def _gain(measured: Measurement) -> tuple[float, float, float]:
    """By how much the metric improves, and the 95 % interval of that; NaN where nothing says what is better.

    Where the corpus is the target, each seed's gain is by how much its distance from the corpus falls.
    """
    effect, metric = measured.effect, METRICS.get(measured.metric)
    if effect is None or metric is None:
        return math.nan, math.nan, math.nan
    if metric.direction is Direction.CORPUS:
        known = (run.record.reference.get(metric.name) for pair in measured.valued for run in pair)
        target = next((reference["mean"] for reference in known if reference is not None), math.nan)
        effect = paired_effect(abs(measured.changed_values - target), abs(measured.baseline_values - target))
    found = float(effect.difference), float(effect.low), float(effect.high)
    return (-found[0], -found[2], -found[1]) if metric.direction is Direction.LOWER else found


def _evidence(
    measured: Measurement, terms: Terms, adjusted_p: float, level: float, scatter: Scatter
) -> Evidence:
    """What the words are made of. level: the p value that the smallest of the family must reach."""
    metric, effect = measured.metric, measured.effect
    if effect is None:
        missing = _missing_words(measured.missing)
        return Evidence(metric, measured.family, num_seeds=0, missing=missing, adjusted_p=adjusted_p)
    is_single = len(measured.valued) == 1
    margin = terms.margin(metric, (first for first, _ in measured.valued))
    difference = float(effect.difference)
    differences = measured.changed_values - measured.baseline_values
    gain, gain_low, gain_high = _gain(measured)
    return Evidence(
        metric=metric,
        family=measured.family,
        num_seeds=len(measured.valued),
        difference=difference,
        low=float(effect.low),
        high=float(effect.high),
        equivalence_low=float(effect.equivalence_low),
        equivalence_high=float(effect.equivalence_high),
        margin=math.nan if margin is None else margin,
        adjusted_p=adjusted_p,
        minimum_detectable=(
            math.nan if measured.family == SCREENING else float(effect.minimum_detectable(level))
        ),
        minimum_likely=float(effect.minimum_detectable(ALPHA)),
        room=_room(metric, float(measured.baseline_values.mean())),
        spread=measured.spread,
        typical_spread=scatter.typical_spread,
        standard_size=scatter.size_of(measured),
        num_agreeing=int(np.sum(differences * difference > 0)),
        gain=gain,
        gain_low=gain_low,
        gain_high=gain_high,
        differs=measured.differs,
        shares_training=measured.arm.shares_training,
        can_move=measured.arm.can_move(metric),
        sampling_noise=measured.sampling_noise,
        prediction=_prediction(measured) if is_single else None,
        changed_value=float(measured.changed_values[0]),
        missing=_missing_words(measured.missing),
        tuned_on=measured.arm.tuned_on,
    )


def _room(metric: str, level: float) -> float:
    """The largest change that a metric's limits leave from this level; NaN for a metric without limits."""
    lowest, highest = limits_of(metric)
    return max((room for room in (level - lowest, highest - level) if math.isfinite(room)), default=math.nan)


def _prediction(measured: Measurement) -> tuple[float, float] | None:
    metric = measured.metric
    known = {run: value for run in measured.arm.baseline if (value := run.value(metric)) is not None}
    if len(known) < _MIN_SEEDS_TO_PREDICT:
        return None
    return prediction_interval(list(known.values()), counts_behind(known, metric))


def _missing_words(runs: Sequence[FoundRun]) -> str:
    statuses = Counter(run.record.status for run in runs)
    names = {"complete": "not measurable", "running": "running or killed"}
    return ", ".join(f"{count} {names.get(status, status)}" for status, count in statuses.items())
