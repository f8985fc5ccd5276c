"""What a sweep will do, before anything is done: its runs, what they share, what the store already has.

A plan is a star: a baseline and single changes of it, each with every seed. Runs that share a training are
ordered so that it is trained once: a shorter run before a longer one, which goes on from there, and whatever
only samples behind both. `wave` numbers that order; runs of one wave do not wait for one another.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from musicgen.config import Change, Config
from musicgen.records.runs import PLAN
from musicgen.records.store import training_folder
from musicgen.system.csv_cells import written_table
from musicgen.system.files import replace_atomically

BASELINE = "baseline"
"""The name of the arm that changes nothing."""


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep."""

    arm: str
    """What it changes, as its folder is named: "baseline", "model=gru"."""
    overrides: Sequence[str]
    config: Config
    training_id: str
    run_id: str
    wave: int = 0
    stored_iterations: int = 0
    """Of its way, what the store holds when its turn comes: trained before or by another run of the plan."""
    shares_with: str | None = None
    """The run of the plan that trains for it."""
    expected_seconds: float | None = None
    """By the speed measured for trainings of this shape; None where none was measured."""

    @property
    def name(self) -> str:
        """Arm and seed."""
        return f"{self.arm}/seed={self.config.seed}"

    @property
    def change(self) -> Change | None:
        """What it changes."""
        return self.config.change

    @property
    def new_iterations(self) -> int:
        """What is left to train, if early stopping does not end it before."""
        return self.config.training.num_iterations - self.stored_iterations


def order_runs(runs: Sequence[PlannedRun], speeds: "Speeds") -> list[PlannedRun]:
    """The runs in the order of their work, with their waves and what the store has for them."""
    trainings: dict[str, list[PlannedRun]] = defaultdict(list)
    for run in runs:
        trainings[run.training_id].append(run)
    planned = {}
    for training_id, sharing in trainings.items():
        folder = training_folder(sharing[0].config, training_id)
        stored = sorted(state.iteration for state in folder.states())
        wave, trainer = 0, None
        for run in sorted(sharing, key=lambda run: run.config.training.num_iterations):
            length = run.config.training.num_iterations
            reached = max((iteration for iteration in stored if iteration <= length), default=0)
            shared = trainer if reached and trainer is not None else None
            if reached < length:
                stored.append(length)
                wave, trainer = wave + 1, run.name
            planned[run.name] = replace(
                run,
                wave=wave if reached < length else len(runs),
                stored_iterations=reached,
                shares_with=shared,
                expected_seconds=speeds.expect(run.config, length - reached),
            )
    return sorted((planned[run.name] for run in runs), key=lambda run: run.wave)


_MEASURED = ("operations", "seconds_per_iteration", "seconds_besides_training")


def _is_time(value: object) -> bool:
    """Whether a store that may be damaged says a number that can be scaled."""
    return isinstance(value, (int, float)) and math.isfinite(value) and value > 0


class Speeds:
    """How long things took on this machine, from what the trainings of a store say of themselves."""

    def __init__(self, abouts: Sequence[Mapping]) -> None:
        """Take what `TrainingFolder.about` gives for every training."""
        self._measured = [about for about in abouts if all(_is_time(about.get(name)) for name in _MEASURED)]

    def expect(self, config: Config, num_iterations: int) -> float | None:
        """Seconds of a run that trains so many iterations: those of the training most like it, scaled.

        A training with the same cell and threads is scaled by the floating-point operations of an iteration.
        """
        operations = (
            config.model.training_flops * config.training.batch_size * config.training.sequence_length
        )
        like = [
            about
            for about in self._measured
            if about.get("cell") == config.model.cell
            and about.get("num_threads") == config.training.num_threads
            and about.get("precision") == config.training.precision
            and about.get("engine", "native") == config.training.engine
        ]
        if not like:
            return None
        nearest = min(like, key=lambda about: abs(about["operations"] / operations - 1))
        step = nearest["seconds_per_iteration"] * operations / nearest["operations"]
        return num_iterations * step + nearest["seconds_besides_training"]


def plan_table(runs: Sequence[PlannedRun]) -> pd.DataFrame:
    """A row for each run, in the order of their work."""
    return pd.DataFrame(
        [
            {
                "directory": run.name,
                "parameter": run.change.parameter if run.change else None,
                "value": run.change.value if run.change else None,
                "baseline_value": run.change.baseline_value if run.change else None,
                "seed": run.config.seed,
                "num_iterations": run.config.training.num_iterations,
                "stored_iterations": run.stored_iterations,
                "new_iterations": run.new_iterations,
                "shares_with": run.shares_with,
                "expected_seconds": run.expected_seconds,
                "run_id": run.run_id,
                "training_id": run.training_id,
            }
            for run in runs
        ]
    )


def write_plan(runs: Sequence[PlannedRun], directory: Path) -> None:
    """Write plan.csv."""
    with replace_atomically(directory / PLAN) as temporary:
        written_table(plan_table(runs)).to_csv(temporary, index=False)
