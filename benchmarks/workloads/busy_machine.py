"""Training, sampling and a small sweep on an idle machine, and on one that runs other programs."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from benchmarks.alternation import Comparison, alternate, format_seconds, markdown_table, report_progress
from benchmarks.ours import drawing_seconds, own_process, run_alone, step_seconds
from benchmarks.report import Part, Row
from musicgen.config import compose_config, resolve
from musicgen.engine import computing
from musicgen.system.cores import num_cores

NUM_STEPS = 20
MAX_CHARS = 300
NUM_TUNES = 200
LOADS = ("idle", "one busy", "two busy")
TEAM_WORKS = {"training": "iteration", "sampling": "drawing"}
"""Works of a team of threads -> what their seconds are of."""
SWEEP = "smoke sweep"
SWEEP_OVERRIDES = ("--multirun", "experiment=smoke", "training.learning_rate=2e-3,5e-3,1e-2", "seed=0,1")


def measure(num_repeats: int) -> Part:
    """Time every work on an idle and on a busy machine, with and without patient waits."""
    report_progress("busy machine")
    timings = alternate({case.name: case.seconds for case in _cases()}, num_repeats)
    rows = [
        Row(
            f"{work}, {LOADS[busy]}",
            "patient waits",
            "OpenMP's waits",
            Comparison(*(timings[Case(work, busy, is_patient).name] for is_patient in (True, False))),
            unit,
        )
        for work, unit in TEAM_WORKS.items()
        for busy in range(len(LOADS))
    ]
    medians = {
        case: [timings[replace(case, busy=busy).name].median for busy in range(len(LOADS))]
        for case in _cases()
        if case.busy == 0
    }
    table = markdown_table(
        ["", *LOADS, *(f"{load} ÷ idle" for load in LOADS[1:])],
        [
            [
                case.work if case.is_patient else f"{case.work}, OpenMP's waits",
                *map(format_seconds, seconds),
                *(f"{each / seconds[0]:.2f} ×" for each in seconds[1:]),
            ]
            for case, seconds in medians.items()
        ],
    )
    return Part(
        title="On a busy machine",
        text=(
            f"The default network on {num_cores()} threads: the mean of {NUM_STEPS} training iterations, and "
            f"drawing {NUM_TUNES} tunes of {MAX_CHARS} characters, while other programs each keep a core "
            "busy. *OpenMP's waits* is the same without musicgen/engine/waiting.py. The sweep is a command "
            "of six smoke runs, each on one thread, two at a time. Every measurement is a new process. "
            "Next to two programs on two cores, half of the machine is a fair share."
        ),
        rows=rows,
        tables=[table],
    )


def _cases() -> list["Case"]:
    return [
        Case(work, busy, is_patient)
        for busy in range(len(LOADS))
        for work in (*TEAM_WORKS, SWEEP)
        for is_patient in (True, False)
        # A run of the sweep has one thread, which waits for no other.
        if is_patient or work != SWEEP
    ]


@dataclass(frozen=True)
class Case:
    """A measurement."""

    work: str
    busy: int
    """Number of other programs."""
    is_patient: bool
    """Whether waiting.py is used."""

    @property
    def name(self) -> str:
        """Its name in the progress that is printed."""
        return f"{self.work}, {LOADS[self.busy]}{'' if self.is_patient else ', OpenMP waits'}"

    def seconds(self) -> float:
        """Measure it in a new process."""
        with _busy_programs(self.busy):
            if self.work == SWEEP:
                return run_alone(*SWEEP_OVERRIDES)
            with own_process() as do:
                return do(_seconds_in_process, self.work, self.is_patient)


@contextmanager
def _busy_programs(number: int) -> Iterator[None]:
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def _seconds_in_process(work: str, is_patient: bool) -> float:
    if not is_patient:
        computing.patient_waits = nullcontext
    config = resolve(compose_config([f"training.num_threads={num_cores()}"]))
    if work == "training":
        return step_seconds(config, NUM_STEPS)
    # The first characters of a process load compiled code.
    drawing_seconds(config, NUM_TUNES, 10)
    return drawing_seconds(config, NUM_TUNES, MAX_CHARS)
