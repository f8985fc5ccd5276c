"""Reads effects.csv as studies of every version keep it in experiments/."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scipy.stats import t

from musicgen.effects.effect import COLUMNS, PRIMARY, ROUNDING, Decision, Effect, Grade, decide, grade_of
from musicgen.errors import InputError
from musicgen.records.runs import read_rows

EARLIER_MARGIN = {
    "fit/validation_loss": 0.02,
    "fit/test_loss": 0.02,
    "validity/ended_rate": 0.01,
    "validity/loop_rate": 0.01,
}
"""The only margins of tables that have no decisions."""
_TEXTS = ("parameter", "value", "baseline_value", "metric", "verdict", "tuning", "family")
_LATER = ("gain", "gain_low", "gain_high", "equivalence_low", "equivalence_high", "margin", "spread")
"""Columns of numbers that tables of earlier versions lack, like `decision`, `grade` and `answer`."""
_COUNTS = ("num_seeds", "num_positive", "num_negative", "num_failed")


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
    # How far the 90 % interval reaches, as a share of the 95 % interval of the same mean.
    reach = float(t.ppf(0.95, cells["num_seeds"] - 1) / t.ppf(0.975, cells["num_seeds"] - 1))
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
