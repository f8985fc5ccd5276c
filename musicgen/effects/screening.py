"""The first stage of a study in two: how large each change looks, and which changes the second stage judges.

Nothing is claimed here. The seeds that choose a change flatter it, so the second stage runs the chosen ones
again, with fresh seeds and a fresh baseline, and only those runs are tested.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from rich.table import Table

from musicgen.config import Change
from musicgen.effects.effect import Effect
from musicgen.effects.pairing import Arm, PairedRuns
from musicgen.effects.shares import Floats
from musicgen.effects.terms import Terms
from musicgen.effects.tested_values import as_tested
from musicgen.metrics.registry import metric_words
from musicgen.records.naming import level_of, shown_level
from musicgen.records.runs import level_cell
from musicgen.system.terminal import new_table, plain
from musicgen.system.words import brief, signed

MEANING = (
    "A size is the mean difference divided by the noise between seeds. Nothing is claimed here: the seeds "
    "that choose a change flatter it. One level of each parameter is judged on fresh seeds: first the "
    "largest improvements, then the largest other changes."
)
MIN_GAIN = 1.0
"""Size of an improvement that goes before all other changes."""


@dataclass(frozen=True, slots=True)
class ScreenedChange:
    """A change and the largest of its sizes over the primary metrics."""

    change: Change
    size: float
    """In standard deviations, see `sizes`; NaN if no seed has a value, 0 if nothing differs."""
    metric: str
    """The metric in which it is largest; "" if nothing differs."""
    differences: Mapping[str, float]
    """Metric -> mean difference from the baseline, as in effects.csv."""
    gain: float = 0.0
    """The largest of its sizes in metrics that look better with it; 0 if none does."""
    looks: str = ""
    """What was seen in that metric, such as "validation loss worse, 3/3 seeds"; "" if nothing differs."""

    @property
    def level(self) -> str:
        """The changed level, as `level_of` writes it."""
        return level_of(level_cell(self.change.value))

    @property
    def shown_size(self) -> str:
        """The size with two digits; a dash without one."""
        return brief(self.size) if math.isfinite(self.size) else "–"


def sizes(differences: Sequence[ArrayLike]) -> Floats:
    """The size of each change in one metric, with a sign: mean difference ÷ noise, the SD between seeds.

    differences: for each change, the differences from the baseline, shape (seeds, ...); a change that cannot
    affect the metric has only zeros. Returns shape (changes, ...).

    The noise is pooled over all changes, √(Σ (k − 1) s² / Σ (k − 1)). With three seeds a change's own s is
    anywhere between 0.16 and 1.9 times the true one, so dividing by it would put those first whose seeds
    agree by chance. With one divisor for all, the differences alone order the changes within a metric, and
    the divisor makes metrics comparable. Changes that truly scatter more or less than others are ranked a
    little wrong; no claim suffers, since claims come from other seeds.
    """
    arrays = [np.asarray(one, np.float64) for one in differences]
    means = np.array([one.mean(axis=0) if len(one) else np.full(one.shape[1:], np.nan) for one in arrays])
    noisy = [one for one in arrays if len(one) > 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = sum(((one - one.mean(axis=0)) ** 2).sum(axis=0) for one in noisy)
        # Changes without any difference say nothing about the noise.
        freedom = sum((len(one) - 1) * (one != 0).any(axis=0) for one in noisy)
        return np.where(means == 0, 0.0, means / np.sqrt(np.divide(squares, freedom)))


def priority(size: ArrayLike, gain: ArrayLike) -> Floats:
    """What orders changes for the second stage, highest first; of the same shape as both arguments.

    Improvements of MIN_GAIN or more come before everything else, since a confirmed harm leaves nothing to
    do. Among themselves they are ordered by gain, and the other changes by size, without a sign.
    """
    size, gain = np.asarray(size, np.float64), np.asarray(gain, np.float64)
    return np.where(gain >= MIN_GAIN, 1 + gain / (1 + gain), size / (1 + size))


def screen(paired: PairedRuns, effects: Iterable[Effect]) -> list[ScreenedChange]:
    """Every change of the baseline, the largest first; equal ones in the order of their arms."""
    metrics = Terms.of(paired).primary_metrics
    arms = [(arm.change, arm) for arm in paired.arms if arm.change is not None]
    by_metric = [sizes([_differences(paired.baseline, arm, metric) for _, arm in arms]) for metric in metrics]
    measured: dict[tuple[str, str], dict[str, Effect]] = {}
    for effect in effects:
        measured.setdefault((effect.parameter, effect.level), {})[effect.metric] = effect
    found = []
    for place, (change, _) in enumerate(arms):
        known = [
            (size, metric)
            for one, metric in zip(by_metric, metrics, strict=True)
            if math.isfinite(size := abs(float(one[place])))
        ]
        size, metric = max(known, key=lambda pair: pair[0], default=(math.nan, ""))
        one = ScreenedChange(change, size, metric if size > 0 else "", {})
        own = measured.get((change.parameter, one.level), {})
        gains = [size for size, metric in known if metric in own and own[metric].sense.is_good]
        differences = {metric: effect.difference for metric, effect in own.items()}
        looks = _seen(own[one.metric]) if one.metric in own else ""
        found.append(replace(one, differences=differences, gain=max(gains, default=0.0), looks=looks))
    return sorted(found, key=lambda one: -one.size if one.size > 0 else math.inf)


def _seen(effect: Effect) -> str:
    """What the seeds say of one metric, without a claim."""
    return f"{metric_words(effect.metric)} {effect.sense}, {effect.num_agreeing}/{effect.num_seeds} seeds"


def _differences(baseline: Arm, arm: Arm, metric: str) -> Floats:
    """Changed less baseline for each seed with both values, on the scale of the test."""
    others = baseline.by_seed
    pairs = [(others[run.record.seed], run) for run in arm.runs if run.record.seed in others]
    valued = [pair for pair in pairs if None not in [run.value(metric) for run in pair]]
    first, second = (as_tested([pair[place] for pair in valued], metric) for place in (0, 1))
    return second.numbers - first.numbers


def select(
    screened: Iterable[ScreenedChange], number: int, chosen_before: Collection[tuple[str, str]] = ()
) -> list[Change]:
    """The changes for the second stage by their priority, one level of each parameter.

    A change without a difference is never selected. screened: as from `screen`. chosen_before: parameter and
    level of changes that an earlier start of the same command chose. They come first, so that a run that
    failed then and succeeds now changes nothing.
    """

    def order(one: ScreenedChange) -> tuple[bool, float]:
        is_new = (one.change.parameter, one.level) not in chosen_before
        return is_new, -float(priority(one.size, one.gain)) if one.size > 0 else math.inf

    chosen: dict[str, Change] = {}
    for one in sorted(screened, key=order):
        if one.size > 0 and len(chosen) < number:
            chosen.setdefault(one.change.parameter, one.change)
    return list(chosen.values())


def screening_table(
    screened: Iterable[ScreenedChange], metrics: Sequence[str], chosen: Collection[Change]
) -> Table:
    """A row for each change: its mean difference in each metric, its size, and whether it is selected."""
    table = new_table()
    for heading in ("parameter", "value"):
        table.add_column(heading, no_wrap=True)
    for heading in (*map(_short, metrics), "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("looks", "stage two"):
        table.add_column(heading, no_wrap=True)
    for one in screened:
        numbers = [one.differences.get(metric, math.nan) for metric in metrics]
        table.add_row(
            plain(one.change.parameter),
            plain(shown_level(one.level)),
            *("–" if math.isnan(number) else signed(number) for number in numbers),
            one.shown_size,
            plain(one.looks),
            fate(one.change, chosen),
        )
    return table


def fate(change: Change, chosen: Collection[Change]) -> str:
    """Whether a screened change was selected, in words; "" if it was simply not large enough."""
    if any(change.key == one.key for one in chosen):
        return "yes"
    return "another level" if any(change.parameter == one.parameter for one in chosen) else ""


def _short(metric: str) -> str:
    return metric.rpartition("/")[2]
