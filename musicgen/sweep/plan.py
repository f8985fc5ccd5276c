"""The plan of a sweep: its runs, the trainings they share, and what the store already holds.

Runs that share a training are ordered so that it is trained once: a shorter run before a longer one, which
resumes from it, and runs that only sample after both. `wave` numbers this order; the runs of one wave do not
wait for each other.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from musicgen.config import Change, Config, Stages, StudyConfig
from musicgen.records.naming import arm_name, override_text
from musicgen.records.runs import PLAN
from musicgen.records.store import training_folder
from musicgen.sweep.design import BASELINE, PlannedArm
from musicgen.system.cores import num_cores
from musicgen.system.csv_cells import written_table
from musicgen.system.files import replace_atomically
from musicgen.system.terminal import new_table, print_table
from musicgen.system.words import counted, duration


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep."""

    arm: PlannedArm
    config: Config
    training_id: str
    run_id: str
    wave: int = 0
    stored_iterations: int = 0
    """What the store will hold when the run starts, from earlier trainings and other runs of the plan."""
    shares_with: str | None = None
    """The run of the plan that trains for this one."""
    expected_seconds: float | None = None
    """None if no similar training has been timed."""

    @property
    def name(self) -> str:
        """The run's folder, relative to the sweep's."""
        return f"{self.arm.name}/seed={self.config.seed}"

    @property
    def change(self) -> Change | None:
        """How the run differs from the baseline."""
        return self.config.change

    @property
    def new_iterations(self) -> int:
        """Iterations left to train, unless early stopping ends the training before."""
        return self.config.training.num_iterations - self.stored_iterations

    @property
    def overrides(self) -> list[str]:
        """Everything that makes the run's config."""
        change = None if self.change is None else asdict(self.change)
        return [
            *self.arm.overrides,
            f"seed={self.config.seed}",
            f"+change={override_text(change)}",
            f"+retuned={override_text(self.config.retuned)}",
        ]


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


class Speeds:
    """How long things took on this machine, as the trainings in the store recorded it."""

    def __init__(self, abouts: Sequence[Mapping]) -> None:
        """abouts: `TrainingFolder.about` of every training; those without valid figures are ignored."""
        self._similar: dict[str, list[Mapping]] = defaultdict(list)
        for about in abouts:
            if all(_is_time(about.get(name)) for name in _MEASURED):
                kind = (about.get("cell"), about.get("num_threads"), about.get("precision"))
                self._similar[repr((*kind, about.get("engine", "native")))].append(about)
        self._nearest: dict[tuple[str, int], Mapping] = {}
        """By kind and operations: arms share them, and a store may hold as many trainings as a plan runs."""

    def expect(self, config: Config, num_iterations: int) -> float | None:
        """Seconds of a run that trains this many iterations, or None if no similar training was timed.

        The most similar training with the same cell, threads and precision is scaled by the floating-point
        operations of an iteration.
        """
        operations = (
            config.model.training_flops * config.training.batch_size * config.training.sequence_length
        )
        training = config.training
        kind = repr((config.model.cell, training.num_threads, training.precision, training.engine))
        if kind not in self._similar:
            return None
        place = kind, operations
        if place not in self._nearest:
            self._nearest[place] = min(
                self._similar[kind], key=lambda about: abs(about["operations"] / operations - 1)
            )
        nearest = self._nearest[place]
        step = nearest["seconds_per_iteration"] * operations / nearest["operations"]
        return num_iterations * step + nearest["seconds_besides_training"]


def _is_time(value: object) -> bool:
    """Whether the value, read from a store that may be damaged, is a number that can be scaled."""
    return isinstance(value, (int, float)) and math.isfinite(value) and value > 0


def plan_table(runs: Sequence[PlannedRun]) -> pd.DataFrame:
    """A row per run, in the order of their work."""
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


def print_plan(runs: Sequence[PlannedRun], study: StudyConfig) -> None:
    """Print the question, a row per arm, and the totals."""
    if study.question:
        print(study.question)
    table = new_table()
    table.add_column("arm")
    for heading in ("runs", "to train", "reused", "expected"):
        table.add_column(heading, justify="right", no_wrap=True)
    by_arm: dict[str, list[PlannedRun]] = defaultdict(list)
    for run in runs:
        by_arm[run.arm.name].append(run)
    for arm in sorted(by_arm, key=lambda arm: arm != BASELINE):
        own = by_arm[arm]
        table.add_row(
            arm_name(own[0].change, own[0].config.retuned),
            str(len(own)),
            f"{sum(run.new_iterations for run in own):,}",
            f"{sum(run.stored_iterations for run in own):,}",
            duration(_expected_seconds(own)),
        )
    print_table(table)
    print(summarise_plan(runs))


def describe_second_stage(runs: Sequence[PlannedRun], stages: Stages, speeds: Speeds) -> str:
    """What may follow the runs of a first stage, in one line; which changes are selected is not known yet.

    The time is that of the mean arm. One that shares the baseline's training only samples.
    """
    arms = {run.arm.name: run for run in runs}.values()
    trained = {run.training_id for run in runs if run.arm.name == BASELINE}
    anew = [
        replace(run, expected_seconds=speeds.expect(run.config, length))
        for run in arms
        for length in [0 if run.change and run.training_id in trained else run.config.training.num_iterations]
    ]
    num_changes = min(stages.confirm, len({run.change.parameter for run in arms if run.change}))
    num_runs = (num_changes + 1) * stages.seeds
    seconds = _expected_seconds(anew)
    time = _time_words(None if seconds is None else num_runs * seconds / len(anew))
    fresh = max(run.config.seed for run in runs) + 1
    return (
        f"then a second stage: up to {counted(num_changes, 'change')}, improvements first, and the baseline "
        f"with seeds {fresh} to {fresh + stages.seeds - 1}: up to {num_runs} runs; {time}"
    )


def summarise_plan(runs: Sequence[PlannedRun]) -> str:
    """Runs, iterations and time in one line."""
    return (
        f"{len(runs)} runs: {sum(run.new_iterations for run in runs):,} iterations to train, "
        f"{sum(run.stored_iterations for run in runs):,} reused; {_time_words(_expected_seconds(runs))}"
    )


def _time_words(seconds: float | None) -> str:
    return (
        "time unknown until a run like these has been timed here"
        if seconds is None
        else f"about {duration(seconds)}"
    )


def _expected_seconds(runs: Sequence[PlannedRun]) -> float | None:
    """Seconds until these runs are done with every core busy; None if one of them is unknown."""
    shares = []
    for run in runs:
        threads = run.config.training.num_threads
        if run.expected_seconds is None or threads is None:
            return None
        shares.append(run.expected_seconds * min(threads / num_cores(), 1.0))
    return sum(shares)
