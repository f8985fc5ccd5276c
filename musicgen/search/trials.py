"""The files that describe a search: trials.csv, one row per trial, and search.json: objectives and space.

Tables, figures and reports of a search need neither its database nor its runs.
"""

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from musicgen.errors import InputError
from musicgen.metrics.registry import metric_words
from musicgen.records.naming import override_text
from musicgen.records.runs import level_cell, read_rows
from musicgen.search.objective import LOSS, Objective, objectives_of
from musicgen.system.csv_cells import written_cell
from musicgen.system.files import read_whole, replace_atomically, write_text_atomically
from musicgen.system.words import counted

TRIALS, SEARCH = "trials.csv", "search.json"
MAX_JSON_BYTES = 2**24
"""The default space takes 3,000."""
_LEADING = ("trial", "status")
_FIRST_LOSS = "validation_loss"
"""The column of LOSS when it was the only objective that a search could have."""
_TRAILING = ("trained_iterations", "seconds", "directory", "error")
_RUNG = "validation_loss_at_"
Value = bool | int | float | str | None
"""The value of a searched parameter."""
_MAX_NUMBER = 1e100
STATUSES = ("complete", "pruned", "diverged", "failed", "running")


@dataclass(frozen=True, slots=True)
class Trial:
    """One point of the space."""

    number: int
    """From 0, in the order of their start."""
    status: str
    """One of STATUSES."""
    values: tuple[float, ...] | None
    """Of each objective, in their order; None if the trial is not complete."""
    levels: Mapping[str, Value]
    """Searched parameter -> value, without those that the trial does not have."""
    rungs: Mapping[int, float]
    """Iteration of a rung -> lowest validation loss up to it."""
    trained_iterations: int
    """By this trial's jobs; iterations reused from the store do not count."""
    seconds: float
    """Duration of its jobs."""
    directory: str
    """The run's folder, relative to that of the search."""
    error: str | None


@dataclass(frozen=True)
class Trials:
    """The trials of a search, and its space."""

    name: str
    objectives: Sequence[Objective]
    space: Mapping[str, Mapping]
    """Searched parameter -> its distribution in Optuna's JSON: name, and attributes such as log."""
    trials: Sequence[Trial]
    """Ordered by number."""

    @property
    def parameters(self) -> list[str]:
        """The searched parameters."""
        return list(self.space)

    @property
    def single(self) -> Objective | None:
        """The objective, if there is one alone."""
        return self.objectives[0] if len(self.objectives) == 1 else None

    @cached_property
    def complete(self) -> list[Trial]:
        """Trials with values: those of the front first, the best in the first objective first."""
        measured = [trial for trial in self.trials if trial.values is not None]
        numbers = {trial.number for trial in self.front}
        return sorted(measured, key=lambda trial: (trial.number not in numbers, self._costs(trial)))

    @cached_property
    def front(self) -> list[Trial]:
        """Pareto's front: no trial is as good in every objective and better in one.

        The best in the first objective comes first. With one objective, only the trials with its best value.
        """
        measured = [trial for trial in self.trials if trial.values is not None]
        costs = {trial.number: self._costs(trial) for trial in measured}
        front = [
            trial
            for trial in measured
            if not any(_dominates(other, costs[trial.number]) for other in costs.values())
        ]
        return sorted(front, key=lambda trial: costs[trial.number])

    def _costs(self, trial: Trial) -> tuple[float, ...]:
        """The values, turned so that lower is better."""
        assert trial.values is not None
        pairs = zip(self.objectives, trial.values, strict=True)
        return tuple(-value if objective.is_maximized else value for objective, value in pairs)

    @property
    def ordered(self) -> list[Trial]:
        """All trials, the best first; those without values last."""
        return [*self.complete, *(trial for trial in self.trials if trial.values is None)]

    @property
    def best(self) -> Trial | None:
        """The trial with the best value, the earliest of equal ones; None with several objectives."""
        return self.front[0] if self.front and self.single else None

    @property
    def knee(self) -> Trial | None:
        """The trial on the front closest to the best value of every objective; with one objective the best.

        Each objective is scaled to its range on the front. Of equally close trials the first.
        """
        costs = [self._costs(trial) for trial in self.front]
        ranges = [(min(column), max(column)) for column in zip(*costs, strict=True)]

        def distance(trial: Trial) -> float:
            pairs = zip(self._costs(trial), ranges, strict=True)
            return math.hypot(*((cost - low) / (high - low) for cost, (low, high) in pairs if high > low))

        return min(self.front, key=distance, default=None)

    @property
    def trained_iterations(self) -> int:
        """The sum over all trials."""
        return sum(trial.trained_iterations for trial in self.trials)

    def results_of(self, trial: Trial) -> str:
        """Such as "validation loss 1.5823, sound rate 0.4000"."""
        assert trial.values is not None
        pairs = zip(self.objectives, trial.values, strict=True)
        return ", ".join(f"{metric_words(objective.metric)} {value:.4f}" for objective, value in pairs)

    def is_log(self, parameter: str) -> bool:
        """Whether values were drawn on a logarithmic scale."""
        return bool(self.space[parameter]["attributes"].get("log"))

    def count(self) -> str:
        """Such as "20 trials: 6 complete, 14 pruned"."""
        counts = Counter(trial.status for trial in self.trials)
        parts = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
        return f"{counted(len(self.trials), 'trial')}: {parts or 'none'}"


def goal(objective: Objective) -> str:
    """Such as "lowest validation loss"."""
    return f"{objective.extreme} {metric_words(objective.metric)}"


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(first <= second for first, second in zip(one, other, strict=True))


def overrides_of(levels: Mapping[str, Value]) -> list[str]:
    """Overrides that set these values; strings are overrides' texts already."""
    return [
        f"{name}={value if isinstance(value, str) else override_text(value)}"
        for name, value in levels.items()
    ]


def write_trials(trials: Trials, terms: Mapping[str, object], directory: Path) -> None:
    """Write both files; terms: what identifies the search, as plain values."""
    rungs = sorted({rung for trial in trials.trials for rung in trial.rungs})
    with (
        replace_atomically(directory / TRIALS) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        metrics = [objective.metric for objective in trials.objectives]
        rung_names = [f"{_RUNG}{rung}" for rung in rungs]
        names = [*_LEADING, *metrics, *trials.parameters, *rung_names, *_TRAILING]
        writer.writerow(map(written_cell, names))
        for trial in trials.trials:
            writer.writerow(
                [
                    *(trial.number, trial.status),
                    *(trial.values or [None] * len(metrics)),
                    *(
                        written_cell(level_cell(trial.levels[name])) if name in trial.levels else None
                        for name in trials.parameters
                    ),
                    *(trial.rungs.get(rung) for rung in rungs),
                    *(trial.trained_iterations, f"{trial.seconds:.1f}"),
                    *map(written_cell, (trial.directory, trial.error and " ".join(trial.error.split()))),
                ]
            )
    content = {
        "name": trials.name,
        **terms,
        "objective": metrics,
        "direction": [objective.direction for objective in trials.objectives],
        "space": trials.space,
    }
    write_text_atomically(directory / SEARCH, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def is_search(directory: Path) -> bool:
    """Whether the folder belongs to a search."""
    return (directory / TRIALS).is_file() and (directory / SEARCH).is_file()


def read_trials(directory: Path) -> Trials:
    """Read what `write_trials` wrote; raises InputError."""
    from pydantic_core import from_json

    try:
        content = read_whole(directory / SEARCH, MAX_JSON_BYTES, follows_links=False)
        about = from_json(content, allow_inf_nan=False)
        space = _checked_space(about["space"])
        objectives = objectives_of(about["objective"], about.get("direction"))
        trials = [_trial(row, objectives, space) for row in read_rows(directory / TRIALS)]
        return Trials(str(about["name"]), objectives, space, trials)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{directory / TRIALS}: cannot be read: {' '.join(str(error).split())}") from error


def _checked_space(space: object) -> Mapping[str, Mapping]:
    if not isinstance(space, dict):
        raise ValueError("the space must be a mapping")
    for name, distribution in space.items():
        attributes = distribution["attributes"]
        if not isinstance(distribution["name"], str) or not isinstance(attributes, dict):
            raise ValueError(f"{name} has no distribution")
        for value in attributes.get("choices", ()):
            if not isinstance(value, Value):
                raise ValueError(f"{name} has a choice that is not a plain value")
            _finite(value)
    return space


def _finite(value: Value) -> Value:
    """The value itself; raises ValueError for a number too large for tables and axes."""
    if isinstance(value, int | float) and not abs(value) <= _MAX_NUMBER:
        raise ValueError(f"numbers must be at most {_MAX_NUMBER:g}")
    return value


def _number(text: str) -> float:
    number = float(text)
    _finite(number)
    return number


def _trial(row: Mapping[str, str], objectives: Sequence[Objective], space: Mapping[str, Mapping]) -> Trial:
    if row["status"] not in STATUSES:
        raise ValueError(f"status {row['status'][:20]!r}: allowed are {', '.join(STATUSES)}")
    rungs = {
        int(name.removeprefix(_RUNG)): _number(value)
        for name, value in row.items()
        if name.startswith(_RUNG) and value
    }
    return Trial(
        number=int(row["trial"]),
        status=row["status"],
        values=_values(row, objectives),
        levels={name: _level(name, row[name], one) for name, one in space.items() if row[name]},
        rungs=rungs,
        trained_iterations=int(_number(row["trained_iterations"])),
        seconds=_number(row["seconds"]),
        directory=row["directory"],
        error=row["error"] or None,
    )


def _values(row: Mapping[str, str], objectives: Sequence[Objective]) -> tuple[float, ...] | None:
    columns = [objective.metric for objective in objectives]
    if columns == [LOSS] and LOSS not in row:
        columns = [_FIRST_LOSS]
    cells = [row[column] for column in columns]
    return tuple(map(_number, cells)) if all(cells) else None


def _level(name: str, text: str, distribution: Mapping) -> Value:
    choices = distribution["attributes"].get("choices")
    if choices is not None:
        for choice in choices:
            if str(level_cell(choice)) == text:
                return choice
        raise ValueError(f"{name}={text} is not one of its choices")
    return int(_number(text)) if distribution["name"] == "IntDistribution" else _number(text)
