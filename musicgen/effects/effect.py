"""One row of effects.csv: what an arm did to a metric, and what may be concluded from it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen.effects.statistics import ALPHA, equivalence_reach
from musicgen.errors import InputError
from musicgen.metrics.registry import METRICS, Direction
from musicgen.records.naming import level_of
from musicgen.records.runs import read_rows

if TYPE_CHECKING:
    from pandas import DataFrame

EFFECTS = "effects.csv"
PLAIN, RETUNED = "plain", "re-tuned"
PRIMARY, EXPLORATORY, SCREENING = "primary", "exploratory", "screening"
"""Families of tests: a study's declared questions, all other metrics, and the first of its stages."""
EQUIVALENCE_MARGIN: Mapping[str, float] = {
    "fit/train_loss": 0.02,
    "fit/validation_loss": 0.02,
    "fit/final_validation_loss": 0.02,
    "fit/test_loss": 0.02,
    "validity/complete_rate": 0.05,
    "validity/parse_rate": 0.05,
    "validity/bar_rate": 0.02,
    "validity/tune_rate": 0.05,
    "validity/ended_rate": 0.01,
    "validity/loop_rate": 0.01,
    "validity/whole_rate": 0.05,
    "validity/sound_rate": 0.05,
    "validity/strict_sound_rate": 0.05,
    "similarity/note_divergence": 0.02,
    "similarity/pitch_class_divergence": 0.02,
    "similarity/interval_divergence": 0.02,
    "similarity/duration_divergence": 0.02,
    "similarity/transition_divergence": 0.02,
    "similarity/transition_matrix_divergence": 0.02,
    "similarity/two_sample_auc": 0.05,
    "similarity/musical_auc": 0.05,
    "similarity/note_count_distance": 8.0,
    "similarity/range_distance": 0.5,
    "similarity/mean_interval_distance": 0.1,
    "diversity/pitch_class_entropy": 0.1,
    "diversity/pitches_used": 0.5,
    "diversity/pitch_range": 1.0,
    "diversity/distinct_2": 0.005,
    "diversity/distinct_4": 0.05,
    "diversity/distinct_8": 0.05,
    "diversity/unique_tunes": 0.02,
    "diversity/pair_distance": 0.02,
    "originality/longest_copy": 2.0,
    "originality/copied_share": 0.02,
    "originality/novelty_8": 0.05,
    "originality/longest_transposed_copy": 2.0,
    "originality/transposed_copied_share": 0.02,
    "structure/lag_repeat": 0.05,
    "structure/distinct_bars": 0.05,
    "structure/zip_ratio": 0.05,
    "structure/tonic_ending": 0.05,
    "structure/section_tonic_endings": 0.05,
    "structure/section_ends_that_fit": 0.05,
    "structure/form": 0.05,
    "structure/downbeat_triad": 0.05,
    "structure/key_found": 0.05,
    "structure/commonest_rhythm": 0.05,
}
"""The largest differences that do not matter, as in conf/study/none.yaml."""
EARLIER_MARGIN: Mapping[str, float] = {
    "fit/validation_loss": 0.02,
    "fit/test_loss": 0.02,
    "validity/ended_rate": 0.01,
    "validity/loop_rate": 0.01,
}
"""The only margins of tables that have no decisions."""
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
        return self in (Sense.BETTER, Sense.NEARER)

    @property
    def is_bad(self) -> bool:
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
_TEXTS = ("parameter", "value", "baseline_value", "metric", "verdict", "tuning", "family")
_LATER = ("gain", "gain_low", "gain_high", "equivalence_low", "equivalence_high", "margin", "spread")
"""Columns of numbers that tables of earlier versions lack, like `decision`, `grade` and `answer`."""
_COUNTS = ("num_seeds", "num_positive", "num_negative", "num_failed")


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


def read_effects(path: Path, margins: Mapping[str, float] = EARLIER_MARGIN) -> list[Effect]:
    """The rows of an effects.csv. Raises InputError if the file is something else.

    Files of earlier versions have no decisions or grades. These are derived from the numbers, and equivalence
    from the margins: metric -> largest difference that does not matter.
    """
    try:
        return [_read(row, margins) for row in read_rows(path)]
    except (KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a table of effects: {error}") from error


def _read(row: Mapping[str, str], margins: Mapping[str, float]) -> Effect:
    cells: dict[str, Any] = {name: row[name] for name in _TEXTS}
    cells |= {name: int(row[name]) for name in _COUNTS}
    cells["shares_training"] = row["shares_training"] == "True"
    for name in COLUMNS:
        if name not in (*cells, "decision", "grade", "answer"):
            text = row.get(name) if name in _LATER else row[name]
            cells[name] = float(text) if text else math.nan
    is_equivalent = _is_equivalent(cells, margins)
    decision, grade = row.get("decision"), row.get("grade")
    cells["decision"] = Decision(decision) if decision else _decision_of(cells, is_equivalent=is_equivalent)
    cells["grade"] = Grade(grade) if grade else _derived_grade(cells, is_equivalent=is_equivalent)
    cells["answer"] = row.get("answer") or ""
    return Effect(**cells)


def _is_equivalent(cells: Mapping[str, Any], margins: Mapping[str, float]) -> bool:
    reach = equivalence_reach(cells["num_seeds"])
    difference, low, high = (cells[name] for name in ("difference", "ci_low", "ci_high"))
    farthest = max(reach * (difference - low) - difference, reach * (high - difference) + difference)
    return farthest < margins.get(cells["metric"], math.nan)


def _decision_of(cells: Mapping[str, Any], *, is_equivalent: bool) -> Decision:
    same = abs(cells["mean"] - cells["baseline_mean"]) <= ROUNDING * abs(cells["mean"])
    has_interval = not math.isnan(cells["ci_low"])
    return decide(
        cells["num_seeds"],
        cells["difference"],
        cells["ci_low"],
        cells["p_holm"] if cells["family"] == PRIMARY else cells["p_fdr"],
        differs=cells["num_positive"] + cells["num_negative"] > 0 and (has_interval or not same),
        is_equivalent=is_equivalent,
    )


def _derived_grade(cells: Mapping[str, Any], *, is_equivalent: bool) -> Grade:
    """Without what later tables know: whether an effect could be seen."""
    decision: Decision = cells["decision"]
    return grade_of(
        decision,
        cells["num_seeds"],
        cells["num_positive"] if cells["difference"] > 0 else cells["num_negative"],
        (cells["ci_low"], cells["ci_high"]),
        is_equivalent=is_equivalent or decision is Decision.EQUIVALENT,
        can_move=not (cells["metric"].startswith("fit/") and cells["shares_training"]),
    )
