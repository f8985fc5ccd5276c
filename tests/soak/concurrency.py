"""Run many processes on one store and one output tree, and compare each result with the same run alone.

    python -m tests.soak.concurrency [--processes 32] [--trials together sweeps ...] [--folder DIR]

Each trial starts commands in parallel, disturbs them, and compares what every run wrote with the same run
done alone; tests/soak/results.py lists what is compared. `--folder` keeps the outputs and reuses the runs
done alone. Exits with 1 if a result differs, if a training was repeated although nothing had removed it, or
if a command printed an unexpected message.
"""

import argparse
import itertools
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas
import psutil

from musicgen.records.runs import FoundRun, find_runs
from musicgen.training.folder import LOCK
from tests.soak.clocks import Clock
from tests.soak.commands import ITERATIONS, SONGS, TINY, Command, start, wait_until, write_tunebook
from tests.soak.results import Results, differing, results

LEVELS = (("model.cell", ("lstm", "gru")), ("training.precision", ("fp32", "bf16")), ("seed", ("0", "1")))
"""Parameters that distinguish trainings, with their values."""
TEMPERATURES = ("0.5", "0.7")
LONG = 2000
"""Iterations of a training that is disturbed while it runs."""
ENDLESS = 1_000_000
JUMPS = (3, -48, 9600, -5, 0)
"""Offsets of the clock from the true time, in hours."""
MAX_SECONDS_TO_REPORT = 10.0
"""From the start of waiting until a command reports which process it waits for."""
MAX_SECONDS_TO_STOP = 10.0
"""From Ctrl-C to the end of a waiting command."""
WAITS = "waiting for"
"""In every message of a command that waits for another."""


@dataclass
class Row:
    """The outcome of a trial."""

    trial: str
    processes: int = 0
    runs: int = 0
    trainings: int = 0
    """Distinct ones."""
    iterations_due: int = 0
    iterations_trained: int = 0
    waits: int = 0
    """Number of waiting messages."""
    seconds: float = 0.0
    megabytes: float = 0.0
    """Peak memory of all processes together."""
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Record the block's seconds, and its peak memory, sampled every second."""
        started, is_over = time.monotonic(), threading.Event()

        def sample() -> None:
            while not is_over.wait(1.0):
                used = sum(map(_own_memory, psutil.Process().children(recursive=True)))
                self.megabytes = max(self.megabytes, used / 1e6)

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
            self.seconds = time.monotonic() - started

    def expect_success(self, commands: Iterable[Command]) -> None:
        """Wait for all commands; a failure or a traceback is a problem."""
        for command in commands:
            self._check(command, command.end() == 0)

    def expect_success_or_no_data(self, command: Command) -> None:
        """Like expect_success, but a command may fail with one line because there is no data yet."""
        status = command.end()
        lines = [line for line in command.output.splitlines() if WAITS not in line]
        has_no_data = status == 1 and len(lines) == 1 and lines[0].startswith("musicgen: ")
        self._check(command, status == 0 or has_no_data)

    def _check(self, command: Command, is_expected: bool) -> None:
        self.waits += sum(WAITS in line for line in command.output.splitlines())
        if not is_expected or "Traceback" in command.output:
            status = command.process.returncode
            self.problems.append(f"{command.log.stem}: status {status}: {command.last_line}")

    def compare(
        self, runs: Sequence[FoundRun], alone: Mapping[str, Results], ignored: Sequence[str] = ()
    ) -> None:
        """Compare each run with the same run done alone; ignored: kinds of results that may be missing."""
        self.runs = len(runs)
        for run in runs:
            expected, found = alone[run.record.run_id], results(run.directory)
            for kind in ignored:
                expected, found = ({k: v for k, v in one.items() if k != kind} for one in (expected, found))
            self.add_differences(run.directory.name, expected, found)

    def add_differences(
        self, name: str, expected: Results, found: Results, ignored: Sequence[str] = ()
    ) -> None:
        """Add a problem for each kind of results that differs."""
        differences = differing(expected, found).items()
        self.problems += [
            f"{name} differs in {kind}: {first}" for kind, first in differences if kind not in ignored
        ]

    def count(self, runs: Sequence[FoundRun], due: int | None) -> None:
        """Count what was trained; due: iterations that are needed, None if some may be repeated."""
        self.trainings = len({run.record.training_id for run in runs})
        self.iterations_trained = sum(int(run.record.timing.get("trained_iterations", 0)) for run in runs)
        self.iterations_due = self.iterations_trained if due is None else due
        if self.iterations_trained != self.iterations_due:
            self.problems.append(
                f"{self.iterations_trained} iterations were trained, {self.iterations_due} are enough"
            )


def _own_memory(process: psutil.Process) -> int:
    """Bytes of memory, with a proportional share of shared pages."""
    try:
        return process.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


class Trials:
    """The trials in a folder, with at least 4 processes at a time."""

    def __init__(self, folder: Path, processes: int) -> None:
        self.folder, self.processes = folder.absolute(), processes
        # A process that ignores SIGINT, such as a background job of a shell, passes that on to its children.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.corpus = write_tunebook(self.folder)
        num_split = min(max(processes // 4, 1).bit_length() - 1, len(LEVELS))
        levels = [
            (name, values if place < num_split else values[:1]) for place, (name, values) in enumerate(LEVELS)
        ]
        self.grid = [f"{name}={','.join(values)}" for name, values in levels]
        choices = [[f"{name}={value}" for value in values] for name, values in levels]
        self.trainings = [list(choice) for choice in itertools.product(*choices)]

    def start(self, trial: str, name: str, module: str, *arguments: str, **options: object) -> Command:
        return start(self.folder / trial / "logs" / f"{name}.txt", module, *arguments, **options)  # type: ignore

    def train(self, trial: str, name: str, *overrides: str, **options: object) -> Command:
        """Start a tiny run or sweep of a trial."""
        songs = [] if "rendering=none" in overrides else SONGS
        places = [f"data.path={self.corpus}", f"paths.outputs={self.outputs(trial)}"]
        return self.start(trial, name, "train", *TINY, *places, *songs, *overrides, **options)

    def outputs(self, trial: str) -> Path:
        return self.folder / trial / "outputs"

    def alone(self, name: str, *grid: str) -> dict[str, Results]:
        """Run identity -> results of the run done alone, one run at a time; cached in the folder."""
        sweep = self.folder / "alone" / name
        done = sweep.with_suffix(".done")
        if not done.exists():
            one_by_one = ["--multirun", "hydra/sweeper=basic", "hydra.launcher.num_jobs=1"]
            command = self.train("alone", name, *one_by_one, f"hydra.sweep.dir={sweep}", *grid)
            if command.end():
                raise SystemExit(f"the runs alone failed:\n{command.output}")
            done.touch()
        return {run.record.run_id: results(run.directory) for run in find_runs([sweep])}

    def alone_long(self) -> tuple[list[str], dict[str, Results]]:
        """The overrides of a long training, and its results alone."""
        overrides = [f"training.num_iterations={LONG}", f"sampling.temperature={TEMPERATURES[0]}"]
        return overrides, self.alone("long", *overrides)

    def alone_tiny(self) -> dict[str, Results]:
        return self.alone("tiny", *self.grid, f"sampling.temperature={','.join(TEMPERATURES)}")

    def together(self) -> Row:
        """Start identical and different trainings at the same time."""
        return self._at_once(Row("together", self.processes), {})

    def compiling(self) -> Row:
        """The same, with a quarter of the processes, before any compiled code is cached."""
        machine_code = self.folder / "compiling" / "machine-code"
        row = Row("compiling", max(self.processes // 4, 2))
        return self._at_once(row, {"NUMBA_CACHE_DIR": str(machine_code)})

    def _at_once(self, row: Row, environment: Mapping[str, str]) -> Row:
        choices = [
            [*training, f"sampling.temperature={temperature}"]
            for temperature in TEMPERATURES
            for training in self.trainings
        ]
        alone = self.alone_tiny()
        with row.measured():
            row.expect_success(
                [
                    self.train(
                        row.trial, str(number), *choices[number % len(choices)], environment=environment
                    )
                    for number in range(row.processes)
                ]
            )
        runs = find_runs([self.outputs(row.trial) / "runs"])
        row.compare(runs, alone)
        row.count(runs, min(len(self.trainings), row.processes) * ITERATIONS)
        return row

    def sweeps(self) -> Row:
        """Start the same sweep twice at the same time."""
        row = Row("sweeps", 2)
        sweep = ["--multirun", "training.learning_rate=5e-3,1e-2", "seed=0,1", "rendering=none"]
        alone = self.train("sweep-alone", "sweep", *sweep)
        if alone.end():
            raise SystemExit(f"the sweep alone failed:\n{alone.output}")
        with row.measured():
            row.expect_success([self.train(row.trial, str(number), *sweep) for number in range(2)])
        expected = results(_sweeps(self.outputs("sweep-alone"))[-1])
        found = _sweeps(self.outputs(row.trial))
        if len(found) != 2:
            row.problems.append(f"{len(found)} sweep directories")
        for directory in found:
            # plan.csv says what each sweep will train, which is a matter of chance.
            row.add_differences(directory.name, expected, results(directory), ignored=["plan.csv"])
        row.count(find_runs([self.outputs(row.trial) / "sweeps"]), 4 * ITERATIONS)
        return row

    def meanwhile(self) -> Row:
        """Train while other commands repeatedly list and prune the store, compare and report."""
        number = max(self.processes // 4, 2)
        row = Row("meanwhile", number)
        choices = [[*training, f"sampling.temperature={TEMPERATURES[0]}"] for training in self.trainings]
        alone = self.alone_tiny()
        outputs = self.outputs(row.trial)
        others = {
            "prune": ("store", "--outputs", str(outputs), "prune", "--larger-than", "0"),
            "list": ("store", "--outputs", str(outputs), "list"),
            "compare": ("compare", str(outputs / "runs"), "--out", str(outputs / "compared")),
            "report": ("report", str(outputs / "runs"), "--out", str(outputs / "report")),
            "report-too": ("report", str(outputs / "runs"), "--out", str(outputs / "report")),
        }
        with row.measured():
            commands = [
                self.train(row.trial, str(place), *choices[place % len(choices)]) for place in range(number)
            ]
            turns = self._repeat(others, commands, row)
            row.expect_success(commands)
        row.processes += len(others)
        row.notes.append(", ".join(f"{name} {count} times" for name, count in turns.items()))
        runs = find_runs([outputs / "runs"])
        row.compare(runs, alone, ignored=("weights",))
        row.count(runs, None)
        return row

    def _repeat(
        self, others: dict[str, tuple[str, ...]], commands: Sequence[Command], row: Row
    ) -> dict[str, int]:
        """Restart each of the others whenever it ends, as long as one of the commands runs."""
        running: dict[str, Command] = {}
        turns = dict.fromkeys(others, 0)
        while any(command.process.poll() is None for command in commands) or running:
            for name, (module, *arguments) in others.items():
                command = running.get(name)
                if command is not None and command.process.poll() is not None:
                    turns[name] += 1
                    row.expect_success_or_no_data(running.pop(name))
                if name not in running and any(one.process.poll() is None for one in commands):
                    running[name] = self.start(row.trial, f"{name}-{turns[name]}", module, *arguments)
            time.sleep(0.1)
        return turns

    def killed(self) -> Row:
        """`kill -9` the process that others wait for, which found a lock file with foreign content."""
        return self._disturbed("killed", _kill)

    def suspended(self) -> Row:
        """SIGSTOP the process that others wait for, Ctrl-C one of these; then SIGCONT."""
        return self._disturbed("suspended", _resume)

    def suspended_and_killed(self) -> Row:
        """SIGSTOP the process that others wait for; then `kill -9` without SIGCONT."""
        return self._disturbed("suspended_and_killed", _kill)

    def _disturbed(self, trial: str, then: Callable[[Command], None]) -> Row:
        """Let some processes wait for a holder, which is suspended except in trial "killed"."""
        number = max(self.processes // 8, 2)
        row = Row(trial, number + 1)
        choice, alone = self.alone_long()
        store = self.outputs(trial) / "store"
        (long_run,) = find_runs([self.folder / "alone" / "long"])
        training_id = long_run.record.training_id
        (store / training_id).mkdir(parents=True)
        (store / training_id / LOCK).write_text('{"process": 1, "host": "elsewhere", "since": "long ago"}\n')
        with row.measured():
            # Unless it is suspended, the holder must run until the others have started to wait.
            length = [f"training.num_iterations={ENDLESS}"] if trial == "killed" else []
            holder = self.train(trial, "holder", *choice, *length)
            wait_until(lambda: list(store.glob("*/state-*.pt")), "the holder's first state")
            if trial != "killed":
                os.kill(holder.process.pid, signal.SIGSTOP)
            waiters = [self.train(trial, f"waiter-{place}", *choice) for place in range(number)]
            self._check_waiting(holder, waiters, row)
            if trial == "suspended":
                self._interrupt(waiters.pop(), row)
            then(holder)
            survivors = waiters if then is _kill else [holder, *waiters]
            row.expect_success(survivors)
        runs = [run for run in find_runs([self.outputs(trial) / "runs"]) if run.record.status == "complete"]
        if len(runs) != len(survivors):
            row.problems.append(f"{len(runs)} complete runs of {len(survivors)}")
        row.compare(runs, alone)
        # What a killed process has trained since its last state is trained again.
        row.count(runs, None if then is _kill else LONG)
        return row

    def _check_waiting(self, holder: Command, waiters: Sequence[Command], row: Row) -> None:
        """Check how soon each waiter names the holder after it has read the corpus."""
        name = f"{WAITS} process {holder.process.pid} on "
        for waiter in waiters:
            wait_until(lambda waiter=waiter: "vocabulary of" in waiter.output, "reading the corpus")
            seconds = wait_until(lambda waiter=waiter: name in waiter.output, "the name of the holder")
            if seconds > MAX_SECONDS_TO_REPORT:
                row.problems.append(f"{waiter.log.stem} named the holder after {seconds:.1f} s")
        line = next(line for line in waiters[0].output.splitlines() if name in line)
        row.notes.append(line.replace(f"{self.folder}/", ""))
        if row.trial != "killed" and "suspended" not in line:
            row.problems.append("the message does not say that the holder is suspended")

    def _interrupt(self, waiter: Command, row: Row) -> None:
        started = time.monotonic()
        waiter.process.send_signal(signal.SIGINT)
        status = waiter.end()
        seconds = time.monotonic() - started
        row.notes.append(f"Ctrl-C ended a waiting run in {seconds:.1f} s")
        is_reported = waiter.last_line.startswith("musicgen: interrupted; run the same command again")
        if status != 130 or seconds > MAX_SECONDS_TO_STOP or not is_reported:
            row.problems.append(f"Ctrl-C: status {status} after {seconds:.1f} s: {waiter.last_line}")

    def clocks(self) -> Row:
        """The clock jumps by hours and days during training; then two runs start at the same moment."""
        row = Row("clocks", 4)
        choice, alone = self.alone_long()
        jumping, stopped = (Clock(self.folder / row.trial / name) for name in ("jumping", "stopped"))
        stopped.stop_at(datetime(1971, 2, 3, 4, 5, 6, tzinfo=UTC))

        def start_two(name: str, clock: Clock) -> list[Command]:
            return [
                self.train(row.trial, f"{name}-{place}", *choice, environment=clock.environment)
                for place in range(2)
            ]

        with row.measured():
            commands = start_two("jumping", jumping)
            for hours in itertools.cycle(JUMPS):
                if all(command.process.poll() is not None for command in commands):
                    break
                jumping.jump(timedelta(hours=hours))
                time.sleep(0.5)
            row.expect_success([*commands, *start_two("stopped", stopped)])
        runs = find_runs([self.outputs(row.trial) / "runs"])
        if len(runs) != 4:
            row.problems.append(f"{len(runs)} directories of 4 runs")
        row.compare(runs, alone)
        row.count(runs, LONG)
        return row


TRIALS = (
    "together",
    "compiling",
    "sweeps",
    "meanwhile",
    "killed",
    "suspended",
    "suspended_and_killed",
    "clocks",
)


def _kill(command: Command) -> None:
    command.process.kill()
    command.process.wait()


def _resume(command: Command) -> None:
    os.kill(command.process.pid, signal.SIGCONT)


def _sweeps(outputs: Path) -> list[Path]:
    return sorted(path.parent for path in outputs.glob("sweeps/*/*/multirun.yaml"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, default=32, help="in parallel; at least 4")
    parser.add_argument("--trials", nargs="+", choices=TRIALS, default=TRIALS)
    parser.add_argument("--folder", type=Path, help="keep the outputs here")
    parsed = parser.parse_args(arguments)
    trials = Trials(parsed.folder or Path(tempfile.mkdtemp()), parsed.processes)
    rows: list[Row] = []
    for name in parsed.trials:
        row = getattr(trials, name)()
        for line in [*row.notes, *(f"PROBLEM: {problem}" for problem in row.problems)]:
            print(f"{name}: {line}", flush=True)
        rows.append(row)
    table = pandas.DataFrame([asdict(row) for row in rows]).drop(columns="notes").round(0)
    table["problems"] = [len(row.problems) for row in rows]
    print(table.to_string(index=False))
    return 1 if any(row.problems for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
