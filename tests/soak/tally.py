"""What a trial of several processes showed: its row, and what goes into it."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from musicgen.records.runs import FoundRun
from tests.soak.commands import WAITS, Command, Memory
from tests.soak.results import Results, differing, results


@dataclass
class Row:
    """What a trial showed."""

    trial: str
    processes: int = 0
    runs: int = 0
    trainings: int = 0
    """Distinct ones."""
    iterations_due: int = 0
    iterations_trained: int = 0
    waits: int = 0
    """How often a command said for whom it waits."""
    seconds: float = 0.0
    megabytes: float = 0.0
    """That all processes took at the worst moment."""
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class measured:  # noqa: N801 - reads as a verb
    """Takes seconds and memory of the block into the row."""

    def __init__(self, row: Row) -> None:
        self._row, self._memory, self._started = row, Memory(), time.monotonic()

    def __enter__(self) -> None:
        self._memory.__enter__()

    def __exit__(self, *_: object) -> None:
        self._memory.__exit__()
        self._row.seconds = time.monotonic() - self._started
        self._row.megabytes = self._memory.most / 1e6


def end_well(commands: Iterable[Command], row: Row) -> None:
    """Wait for all of them; whoever fails or shows a traceback is a problem."""
    for command in commands:
        status = command.end()
        row.waits += command.num_waits
        if status or "Traceback" in command.output:
            row.problems.append(f"{command.log.stem}: status {status}: {command.last_line}")


def check_other(command: Command, row: Row) -> None:
    """A command that found nothing to do yet says so in one line; anything else that fails is a problem."""
    status = command.end()
    row.waits += command.num_waits
    lines = [line for line in command.output.splitlines() if WAITS not in line]
    has_nothing = status == 1 and len(lines) == 1 and lines[0].startswith("musicgen: ")
    if (status and not has_nothing) or "Traceback" in command.output:
        row.problems.append(f"{command.log.stem}: status {status}: {command.last_line}")


def compare(
    runs: Sequence[FoundRun], alone: Mapping[str, Results], row: Row, without: Sequence[str] = ()
) -> None:
    """Each run beside the same one alone; without: kinds of results that may be missing."""
    row.runs = len(runs)
    for run in runs:
        expected, found = alone[run.record.run_id], results(run.directory)
        for kind in without:
            expected, found = ({k: v for k, v in one.items() if k != kind} for one in (expected, found))
        row.problems += told(run.directory.name, differing(expected, found))


def told(name: str, differences: Mapping[str, str], but: Sequence[str] = ()) -> list[str]:
    """A problem for each kind that differs, except for those that may: "plan.csv: plan.csv"."""
    words = [f"{kind}: {first}" for kind, first in differences.items()]
    return [f"{name} differs in {one}" for one in words if one not in but]


def count(runs: Sequence[FoundRun], row: Row, due: int | None) -> None:
    """Count what was trained; due: iterations that are enough, None where some may be trained again."""
    row.trainings = len({run.record.training_id for run in runs})
    row.iterations_trained = sum(int(run.record.timing.get("trained_iterations", 0)) for run in runs)
    row.iterations_due = row.iterations_trained if due is None else due
    if row.iterations_trained != row.iterations_due:
        row.problems.append(
            f"{row.iterations_trained} iterations were trained, {row.iterations_due} are enough"
        )
