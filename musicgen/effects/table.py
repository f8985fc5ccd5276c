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

import numpy as np

from musicgen.effects.effect import EXPLORATORY, PRIMARY, SCREENING, Effect
from musicgen.effects.measurement import Measurement, Scatter, measure, paired_arms
from musicgen.effects.pairing import PairedRuns
from musicgen.effects.statistics import ALPHA, benjamini_hochberg, holm, paired_effect, prediction_interval
from musicgen.effects.terms import Terms
from musicgen.effects.tested_values import counts_behind
from musicgen.effects.verdict import Evidence, answer, verdict
from musicgen.metrics.registry import METRICS, Direction, limits_of
from musicgen.records.runs import FoundRun, level_cell, metric_names

_MIN_SEEDS_TO_PREDICT = 3
"""Baseline seeds that a prediction interval needs."""


def effects_table(paired: PairedRuns) -> list[Effect]:
    """The effect of each arm and tuning on each metric; numbers that do not exist are NaN."""
    terms = Terms.of(paired)
    metrics = dict.fromkeys([*terms.primary_metrics, *metric_names(paired.runs)])
    # Bits are the nats again, in another unit.
    names = [name for name in metrics if not name.endswith("_bits")]
    measurements = [measure(arm, name, terms.family(name)) for arm in paired_arms(paired) for name in names]
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


def _effect(measured: Measurement, evidence: Evidence) -> Effect:
    arm, has_values = measured.arm, measured.effect is not None
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
        median_difference=statistics.median(measured.differences.tolist()) if has_values else math.nan,
        num_positive=int(np.sum(measured.differences > 0)),
        num_negative=int(np.sum(measured.differences < 0)),
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
        num_agreeing=int(np.sum(measured.differences * difference > 0)),
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
