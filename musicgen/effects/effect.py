"""One row of effects.csv: what an arm did to a metric, and what may be concluded from it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen.effects.statistics import ALPHA, equivalence_reach
from musicgen.errors import InputError
from musicgen.records.naming import level_of
from musicgen.records.runs import read_rows

if TYPE_CHECKING:
    from pandas import DataFrame

EFFECTS = "effects.csv"
PLAIN, RETUNED = "plain", "re-tuned"
EQUIVALENCE_MARGIN: Mapping[str, float] = {
    "fit/validation_loss": 0.02,
    "fit/test_loss": 0.02,
    "validity/ended_rate": 0.01,
    "validity/loop_rate": 0.01,
}
"""The largest differences that do not matter where a study declares none, as in conf/study/none.yaml."""
ROUNDING = 1e-12
"""Relative difference of values that is rounding."""


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
    """primary or exploratory."""
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

    @property
    def level(self) -> str:
        """The changed level, as `level_of` writes it."""
        return level_of(self.value)

    @property
    def is_primary(self) -> bool:
        """Whether the study declared the metric as one of its questions."""
        return self.family == "primary"

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the difference, where there is one."""
        return None if math.isnan(self.ci_low) else (self.ci_low, self.ci_high)


COLUMNS = tuple(column.name for column in fields(Effect))
_TEXTS = ("parameter", "value", "baseline_value", "metric", "verdict", "tuning", "family")
_LATER = ("gain", "gain_low", "gain_high")
"""Columns that tables of earlier versions lack."""
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
    table["decision"] = Series([row["decision"].value for row in rows], dtype=object)
    return table


def read_effects(path: Path, margins: Mapping[str, float] = EQUIVALENCE_MARGIN) -> list[Effect]:
    """The rows of an effects.csv. Raises InputError if the file is something else.

    Files of earlier versions have no decisions. These are derived from the numbers, and equivalence from the
    margins: metric -> largest difference that does not matter.
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
        if name not in cells and name != "decision":
            text = row.get(name) if name in _LATER else row[name]
            cells[name] = float(text) if text else math.nan
    decision = row.get("decision")
    cells["decision"] = Decision(decision) if decision else _decision_of(cells, margins)
    return Effect(**cells)


def _decision_of(cells: Mapping[str, Any], margins: Mapping[str, float]) -> Decision:
    reach = equivalence_reach(cells["num_seeds"])
    difference, low, high = (cells[name] for name in ("difference", "ci_low", "ci_high"))
    farthest = max(reach * (difference - low) - difference, reach * (high - difference) + difference)
    same = abs(cells["mean"] - cells["baseline_mean"]) <= ROUNDING * abs(cells["mean"])
    return decide(
        cells["num_seeds"],
        difference,
        low,
        cells["p_holm"] if cells["family"] == "primary" else cells["p_fdr"],
        differs=cells["num_positive"] + cells["num_negative"] > 0 and not (math.isnan(low) and same),
        is_equivalent=farthest < margins.get(cells["metric"], math.nan),
    )
