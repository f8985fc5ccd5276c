"""One row of effects.csv: what an arm did to a metric, and what may be concluded from it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from musicgen.effects.statistics import ALPHA
from musicgen.metrics.registry import METRICS, Direction
from musicgen.records.naming import level_of

if TYPE_CHECKING:
    from pandas import DataFrame

PLAIN, RETUNED = "plain", "re-tuned"
PRIMARY, EXPLORATORY, SCREENING = "primary", "exploratory", "screening"
"""Families of tests: a study's declared questions, all other metrics, and the first of its stages."""
ROUNDING = 1e-12
"""Relative difference of values that is rounding."""
MIN_AGREEING_SEEDS = 3
"""Seeds whose agreement means something: two agree in half of all null effects."""


class Decision(StrEnum):
    """What an effect's seeds allow to conclude."""

    RAISES = "raises"
    LOWERS = "lowers"
    EQUIVALENT = "equivalent"
    """Any effect is smaller than the margin."""
    INCONCLUSIVE = "inconclusive"
    CANDIDATE = "candidate"
    """One seed only."""
    UNIFORM = "uniform"
    """All seeds differ by the same amount, which leaves no spread to judge by."""
    IDENTICAL = "identical"
    """Every seed has the same value in arm and baseline."""
    NO_VALUE = "no value"

    @property
    def is_claim(self) -> bool:
        """Whether the effect is shown."""
        return self in (Decision.RAISES, Decision.LOWERS)


class Grade(StrEnum):
    """How far to trust an effect, in a reader's words. Only `decision` is a claim."""

    CLEAR = "clear"
    """A claim: the adjusted p is at most 5 %."""
    LIKELY = "likely"
    """Every seed agrees and the effect stands out, but this is not a claim."""
    UNCLEAR = "unclear"
    SMALL = "too small to matter"
    """Any effect is smaller than the margin."""
    UNSEEN = "cannot be seen with this design"
    """Not even the largest change that the metric has room for would be likely, and the seeds disagree."""
    ONE_SEED = "one seed"
    IDENTICAL = "identical"
    """Every seed has the same value in arm and baseline."""
    IMPOSSIBLE = "no change possible"
    """The metric depends on the training alone, which the change leaves as it is."""
    NO_VALUE = "no value"

    @property
    def has_direction(self) -> bool:
        """Whether better or worse may be said."""
        return self in (Grade.CLEAR, Grade.LIKELY)


class Sense(StrEnum):
    """The direction of an effect, as its metric sees it."""

    BETTER = "better"
    WORSE = "worse"
    NEARER = "nearer to real tunes"
    FARTHER = "farther from real tunes"
    HIGHER = "higher"
    """Where nothing says what is better, or the other side of real tunes is as far from them."""
    LOWER = "lower"

    @property
    def is_good(self) -> bool:
        """Whether it may be called an improvement."""
        return self in (Sense.BETTER, Sense.NEARER)

    @property
    def is_bad(self) -> bool:
        """Whether it may be called a loss."""
        return self in (Sense.WORSE, Sense.FARTHER)


def sense_of(metric: str, difference: float, gain: float, gain_low: float, gain_high: float) -> Sense:
    """The direction of a difference; the gain and its interval are those of `Effect`."""
    has_target = metric in METRICS and METRICS[metric].direction is Direction.CORPUS
    # Beyond the corpus, a metric can change and yet be about as far from it as before, on its other side.
    is_beyond = has_target and abs(gain) < abs(difference) / 2
    is_open = is_beyond and not (gain_low > 0 or gain_high < 0)
    if math.isnan(gain) or gain == 0 or is_open:
        return Sense.HIGHER if difference > 0 else Sense.LOWER
    if has_target:
        return Sense.NEARER if gain > 0 else Sense.FARTHER
    return Sense.BETTER if gain > 0 else Sense.WORSE


def decide(
    num_seeds: int, difference: float, low: float, adjusted_p: float, *, differs: bool, is_equivalent: bool
) -> Decision:
    """The decision on one effect.

    low: lower end of the 95 % interval, NaN without one. adjusted_p: by Holm for a primary metric, else by
    Benjamini and Hochberg. differs: False where every seed has the same value in both. is_equivalent: whether
    two one-sided tests at 5 % place the effect inside the margin.
    """
    if num_seeds == 0:
        return Decision.NO_VALUE
    if not differs:
        return Decision.IDENTICAL
    if num_seeds == 1:
        return Decision.CANDIDATE
    if math.isnan(low):
        return Decision.UNIFORM
    if adjusted_p <= ALPHA:
        return Decision.RAISES if difference > 0 else Decision.LOWERS
    return Decision.EQUIVALENT if is_equivalent else Decision.INCONCLUSIVE


def grade_of(
    decision: Decision,
    num_seeds: int,
    num_agreeing: int,
    interval: tuple[float, float],
    *,
    is_equivalent: bool,
    can_move: bool = True,
    is_large: bool = False,
    is_visible: bool = True,
) -> Grade:
    """The grade of one effect.

    num_agreeing: seeds whose difference has the sign of the effect. interval: at 95 %, unadjusted; NaN
    without one. can_move: False where the metric depends on the training alone, and that is the same.
    is_large: whether the difference is large for how seeds scatter in all changes together. is_visible:
    whether an effect that the metric has room for could be likely.
    """
    if decision is Decision.NO_VALUE:
        return Grade.NO_VALUE
    if decision is Decision.IDENTICAL:
        return Grade.IDENTICAL if can_move else Grade.IMPOSSIBLE
    if num_seeds == 1:
        return Grade.ONE_SEED
    if is_equivalent:
        return Grade.SMALL
    if decision.is_claim:
        return Grade.CLEAR
    low, high = interval
    is_unanimous = num_agreeing == num_seeds
    is_apart = num_seeds >= MIN_AGREEING_SEEDS if math.isnan(low) else low > 0 or high < 0
    if is_unanimous and (is_apart or is_large):
        return Grade.LIKELY
    is_telling = is_visible or (is_unanimous and num_seeds >= MIN_AGREEING_SEEDS)
    return Grade.UNCLEAR if is_telling else Grade.UNSEEN


@dataclass(frozen=True, slots=True)
class Effect:
    """A row of effects.csv, in the order of its columns. Numbers that do not exist are NaN."""

    parameter: str
    value: object
    baseline_value: object
    metric: str
    num_seeds: int
    baseline_mean: float
    mean: float
    difference: float
    """Changed less baseline."""
    ci_low: float
    ci_high: float
    """95 % interval of the difference."""
    p_value: float
    p_holm: float
    """Of primary metrics."""
    minimum_detectable_effect: float
    decision: Decision
    verdict: str
    tuning: str
    """PLAIN or RETUNED."""
    family: str
    """PRIMARY, EXPLORATORY or SCREENING."""
    p_fdr: float
    """Of exploratory metrics."""
    median_difference: float
    num_positive: int
    num_negative: int
    num_failed: int
    sampling_noise: float
    shares_training: bool
    gain: float
    """By how much the metric improves, negative if it gets worse: the difference in its better direction, or
    how much nearer to the corpus it comes, mean over seeds; NaN where neither makes sense."""
    gain_low: float
    gain_high: float
    """95 % interval of the gain."""
    equivalence_low: float
    equivalence_high: float
    """90 % interval of the difference, which decides on equivalence."""
    margin: float
    """The largest difference that does not matter."""
    spread: float
    """Standard deviation of the seeds' differences."""
    grade: Grade
    answer: str
    """Grade, direction and size in plain words; "" in tables of earlier versions."""

    @property
    def sense(self) -> Sense:
        """The direction of the difference, as the metric sees it."""
        return sense_of(self.metric, self.difference, self.gain, self.gain_low, self.gain_high)

    @property
    def is_possible(self) -> bool:
        """Whether the change can move the metric at all."""
        return self.grade is not Grade.IMPOSSIBLE

    @property
    def num_agreeing(self) -> int:
        """Seeds whose difference has the sign of the effect."""
        return self.num_positive if self.difference > 0 else self.num_negative

    @property
    def size(self) -> float:
        """The difference without its sign; 0 if the arms do not differ."""
        return 0.0 if math.isnan(self.difference) else abs(self.difference)

    @property
    def level(self) -> str:
        """The changed level, as `level_of` writes it."""
        return level_of(self.value)

    @property
    def is_primary(self) -> bool:
        """Whether the study declared the metric as one of its questions."""
        return self.family == PRIMARY

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the difference, where there is one."""
        return None if math.isnan(self.ci_low) else (self.ci_low, self.ci_high)


COLUMNS = tuple(column.name for column in fields(Effect))


def effects_frame(effects: Iterable[Effect]) -> "DataFrame":
    """The table of effects.csv, a row for each effect."""
    from pandas import DataFrame, Series

    effects = list(effects)
    rows = [{name: getattr(effect, name) for name in COLUMNS} for effect in effects]
    table = DataFrame(rows, columns=list(COLUMNS))
    for name in ("value", "baseline_value"):
        # As objects: pandas would turn 33 next to 0.5 into 33.0.
        table[name] = Series([row[name] for row in rows], dtype=object)
    for name in ("decision", "grade"):
        table[name] = Series([row[name].value for row in rows], dtype=object)
    return table
