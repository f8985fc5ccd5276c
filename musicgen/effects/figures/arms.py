"""What the figures draw, read from the tables of a study: arms, their runs, their effects, how runs ended.

The tables may come from memory or from CSV, so a level may be 0.01 or "0.01", a list or its JSON text, None
or NaN. All of these become one text, the level, by which a run finds its effects. No parameter: a baseline.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from musicgen.effects.pairing import COMBINED
from musicgen.effects.table import EQUIVALENCE_MARGIN, PLAIN, RETUNED

if TYPE_CHECKING:
    from pandas import DataFrame

Row = Mapping[str, Any]
_LONGEST_LEVEL = 30
_LONGEST_COMBINED = 44
"""Characters of a level in a label."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One changed level of one parameter against the baseline."""

    parameter: str
    level: str
    baseline_level: str
    tuning: str = PLAIN

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
        """Such as "training.learning_rate = 0.01"."""
        if self.parameter == COMBINED:
            # The groups' names would leave no room for the levels.
            return "combined:\n" + _shortened(re.sub(r"\b\w+\.(?=\w+=)", "", self.level), _LONGEST_COMBINED)
        return f"{self.parameter} = {self.shown_level}"


@dataclass(frozen=True)
class DrawnStudy:
    """The rows of a study's tables, and what they say about each arm."""

    runs: Sequence[Row]
    effects: Sequence[Row]
    histories: Mapping[str, Sequence[Row]]
    """Run directory -> rows of its history.csv."""

    @classmethod
    def from_tables(
        cls, runs: DataFrame, effects: DataFrame, histories: Mapping[str, DataFrame]
    ) -> DrawnStudy:
        """Take the rows out of the tables."""
        return cls(
            _rows(runs),
            _rows(effects),
            {directory: _rows(history) for directory, history in histories.items()},
        )

    @cached_property
    def arms(self) -> Sequence[Arm]:
        """Every arm with a run or an effect; parameters in the order of the tables, numbers ascending."""
        plain_runs = [row for row in self.runs if not _is_retuned(row)]
        found = [arm for row in (*plain_runs, *self.effects) if (arm := arm_of(row)) is not None]
        arms = list(dict.fromkeys(found))
        parameters = list(dict.fromkeys(arm.parameter for arm in arms))
        positions = {arm: position for position, arm in enumerate(arms)}

        def order(arm: Arm) -> tuple[int, float, int]:
            number = math.inf if arm.number is None else arm.number
            return parameters.index(arm.parameter), number, positions[arm]

        return sorted(arms, key=order)

    @cached_property
    def baseline_runs(self) -> Sequence[Row]:
        """The runs without any change."""
        return [row for row in self.runs if arm_of(row) is None and not _is_retuned(row)]

    def arms_by_parameter(self) -> Mapping[str, Sequence[Arm]]:
        """Parameter -> its arms, both in their order."""
        grouped: dict[str, list[Arm]] = {}
        for arm in self.arms:
            grouped.setdefault(arm.parameter, []).append(arm)
        return grouped

    def runs_of(self, arm: Arm) -> Sequence[Row]:
        """The runs of a plain arm; of a re-tuned one none, since the table does not say which was chosen."""
        if arm.tuning == RETUNED:
            return []
        return [row for row in self.runs if not _is_retuned(row) and arm_of(row) == arm]

    def effect(self, arm: Arm, metric: str) -> Row | None:
        """The row of the effects table, where it has a difference."""
        row = self._effects_by_place.get((arm, metric))
        return row if row is not None and as_number(row.get("difference")) is not None else None

    @cached_property
    def _effects_by_place(self) -> Mapping[tuple[Arm, str], Row]:
        return {(arm, row["metric"]): row for row in self.effects if (arm := arm_of(row)) is not None}

    def seed_differences(self, arm: Arm, metric: str) -> Sequence[float]:
        """Value of each run of the arm less that of the baseline with the same seed."""
        baseline = {row["seed"]: value for row in self.baseline_runs for value in measured([row], metric)}
        return [
            value - baseline[row["seed"]]
            for row in self.runs_of(arm)
            for value in measured([row], metric)
            if row["seed"] in baseline
        ]

    def trains_differently(self, arm: Arm) -> bool:
        """Whether the arm has a training of its own, or another length of the baseline's."""
        known = [_training(row) for row in self.baseline_runs]
        return any(_training(row) not in known for row in self.runs_of(arm))

    def reference(self, metric: str) -> tuple[float, float] | None:
        """Mean and SD of held-out corpus tunes, where the runs table has them."""
        mean, sd = (self._first_number(f"{name}/{metric}") for name in ("reference", "reference_sd"))
        return None if mean is None else (mean, sd or 0.0)

    def margin(self, metric: str) -> float | None:
        """The difference below which two arms count as equal: declared, or 1 SD of the reference."""
        prefix = "study.equivalence_margin."
        is_declared = any(str(name).startswith(prefix) for row in self.runs for name in row)
        declared = self._first_number(f"{prefix}{metric}") if is_declared else EQUIVALENCE_MARGIN.get(metric)
        return self._first_number(f"reference_sd/{metric}") if declared is None else declared

    def _first_number(self, column: str) -> float | None:
        return next((value for row in self.runs if (value := as_number(row.get(column))) is not None), None)


def arm_of(row: Row) -> Arm | None:
    """The arm of a row of the runs or effects table; None for a baseline."""
    parameter = row.get("parameter")
    if not isinstance(parameter, str) or not parameter:
        return None
    tuning = RETUNED if row.get("tuning") == RETUNED or _is_retuned(row) else PLAIN
    return Arm(parameter, level_of(row.get("value")), level_of(row.get("baseline_value")), tuning)


def level_of(value: object) -> str:
    """One text for one level, whether it comes from memory or from CSV."""
    if value is None or value == "" or value != value:
        return "null"
    number = as_number(value)
    if number is not None:
        return f"{number:.12g}"
    if isinstance(value, str) and value.startswith("["):
        value = _read_list(value) or value
    if isinstance(value, (list, tuple)):
        return json.dumps(list(value), ensure_ascii=False)
    return str(value).lower() if str(value) in {"True", "False"} else str(value)


def shown_level(level: str) -> str:
    """The level for a reader: lists without brackets, their texts in quotes, an empty one as "none".

    Line ends become ↵, and the middle of a long text is left out.
    """
    number = as_number(level)
    if number is not None:
        return f"{number:g}"
    if level.startswith("["):
        items = _read_list(level)
        if items is not None:
            level = ", ".join(f"“{item}”" if isinstance(item, str) else str(item) for item in items) or "none"
    return _shortened(level.replace("\\n", "↵").replace("\n", "↵"), _LONGEST_LEVEL)


def _shortened(text: str, longest: int) -> str:
    half = longest // 2 - 1
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


def as_number(value: object) -> float | None:
    """A finite number, also written as text; None for everything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _read_list(text: str) -> list[object] | None:
    """A list from its JSON text; None where the text only begins like one."""
    try:
        return list(json.loads(text))
    except json.JSONDecodeError:
        return None


def measured(runs: Sequence[Row], metric: str) -> list[float]:
    """The metric's values of the runs that came to their end and have one."""
    values = [as_number(run.get(metric)) for run in runs if run.get("status") == "complete"]
    return [value for value in values if value is not None]


def how_runs_ended(runs: Sequence[Row]) -> str:
    """Such as "diverged 2 of 3"; empty where every run is complete."""
    counts = Counter(str(row.get("status")) for row in runs if row.get("status") != "complete")
    return ", ".join(f"{status} {count} of {len(runs)}" for status, count in counts.items())


def _is_retuned(row: Row) -> bool:
    retuned = row.get("retuned")
    return retuned == retuned and retuned not in (None, "", "{}", {})


def _training(run: Row) -> tuple[object, object]:
    return run.get("training_id"), run.get("training.num_iterations")


def _rows(table: DataFrame) -> list[Row]:
    return table.to_dict("records")  # pyright: ignore[reportReturnType]
