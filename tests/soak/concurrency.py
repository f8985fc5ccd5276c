"""Many processes on one store and one output tree: is every result what it would be alone?

    python -m tests.soak.concurrency [--processes 32] [--trials together sweeps ...] [--folder DIR]

Each trial starts commands beside each other, lets something happen to them, and compares what every run left
with the same run done alone: tests/soak/results.py says what is compared. `--folder` keeps the outputs; what
was done alone there is not done again. Exits with 1 where a result differs, a training was done twice though
nobody removed it, or a command said anything that it should not.
"""

import argparse
import itertools
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas

from musicgen.records.runs import find_runs
from musicgen.training.folder import LOCK
from tests.soak.clocks import Clock
from tests.soak.commands import ITERATIONS, SONGS, TINY, Command, start, wait_until, write_tunebook
from tests.soak.results import Results, differing, results
from tests.soak.tally import Row, check_other, compare, count, end_well, measured, told

LEVELS = (("model.cell", ("lstm", "gru")), ("training.precision", ("fp32", "bf16")), ("seed", ("0", "1")))
"""What makes trainings different."""
TEMPERATURES = ("0.5", "0.7")
LONG = 2000
"""Iterations of a training to which something happens on its way."""
ENDLESS = 1_000_000
JUMPS = (3, -48, 9600, -5, 0)
"""Hours that the clock is put off the true time, in turns."""
MOST_SECONDS_TO_SAY = 10.0
"""Until whoever waits says for whom, from the moment that it is there to wait."""
MOST_SECONDS_TO_STOP = 10.0
"""From Ctrl-C to the end of a command that waits."""


class Trials:
    """The trials in a folder."""

    def __init__(self, folder: Path, processes: int) -> None:
        """processes: at once, at least 4."""
        self.folder, self.processes = folder.absolute(), processes
        # Commands that are started where SIGINT is ignored, as in a shell's background, ignore it too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.corpus = write_tunebook(self.folder)
        num_split = min(max(processes // 4, 1).bit_length() - 1, len(LEVELS))
        levels = [
            (name, values if place < num_split else values[:1]) for place, (name, values) in enumerate(LEVELS)
        ]
        self.grid = [f"{name}={','.join(values)}" for name, values in levels]
        own = [[f"{name}={value}" for value in values] for name, values in levels]
        self.trainings = [list(choice) for choice in itertools.product(*own)]

    def start(self, trial: str, name: str, module: str, *arguments: str, **options: object) -> Command:
        """Start a command of a trial."""
        return start(self.folder / trial / "logs" / f"{name}.txt", module, *arguments, **options)  # type: ignore

    def train(self, trial: str, name: str, *overrides: str, **options: object) -> Command:
        """Start a tiny run or sweep of a trial."""
        songs = [] if "rendering=none" in overrides else SONGS
        places = [f"data.path={self.corpus}", f"paths.outputs={self.outputs(trial)}"]
        arguments = [*TINY, *places, *songs, *overrides]
        return self.start(trial, name, "train", *arguments, **options)

    def outputs(self, trial: str) -> Path:
        """The output tree of a trial."""
        return self.folder / trial / "outputs"

    def alone(self, name: str, *grid: str) -> dict[str, Results]:
        """Run identity -> what the run left; done once, one run after the other with nothing beside it."""
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
        """The choice of a long training, and what it left when it was done alone."""
        choice = [f"training.num_iterations={LONG}", f"sampling.temperature={TEMPERATURES[0]}"]
        return choice, self.alone("long", *choice)

    def alone_tiny(self) -> dict[str, Results]:
        """What the tiny trainings left, with each of the temperatures."""
        return self.alone("tiny", *self.grid, f"sampling.temperature={','.join(TEMPERATURES)}")

    def together(self) -> Row:
        """The same and different trainings started at once."""
        return self._at_once(Row("together", self.processes), {})

    def compiling(self) -> Row:
        """The same, by a quarter of the processes, where no machine code is kept yet."""
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
        with measured(row):
            commands = [
                self.train(row.trial, str(number), *choices[number % len(choices)], environment=environment)
                for number in range(row.processes)
            ]
            end_well(commands, row)
        runs = find_runs([self.outputs(row.trial) / "runs"])
        compare(runs, alone, row)
        count(runs, row, min(len(self.trainings), row.processes) * ITERATIONS)
        return row

    def sweeps(self) -> Row:
        """The same sweep started twice at once."""
        row = Row("sweeps", 2)
        sweep = ["--multirun", "training.learning_rate=5e-3,1e-2", "seed=0,1", "rendering=none"]
        alone = self.train("sweep-alone", "sweep", *sweep)
        if alone.end():
            raise SystemExit(f"the sweep alone failed:\n{alone.output}")
        with measured(row):
            commands = [self.train(row.trial, str(number), *sweep) for number in range(2)]
            end_well(commands, row)
        expected = results(_sweeps(self.outputs("sweep-alone"))[-1])
        found = _sweeps(self.outputs(row.trial))
        if len(found) != 2:
            row.problems.append(f"{len(found)} sweep directories")
        for directory in found:
            # Which of the two trained what is chance.
            row.problems += told(
                f"{directory.name}", differing(expected, results(directory)), but=["plan.csv: plan.csv"]
            )
        count(find_runs([self.outputs(row.trial) / "sweeps"]), row, 4 * ITERATIONS)
        return row

    def meanwhile(self) -> Row:
        """Runs, while others list and prune the store, compare and report again and again."""
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
        with measured(row):
            commands = [
                self.train(row.trial, str(place), *choices[place % len(choices)]) for place in range(number)
            ]
            turns = self._repeat(others, commands, row)
            end_well(commands, row)
        row.processes += len(others)
        row.notes.append(", ".join(f"{name} {count} times" for name, count in turns.items()))
        runs = find_runs([outputs / "runs"])
        compare(runs, alone, row, without=("weights",))
        count(runs, row, None)
        return row

    def _repeat(
        self, others: dict[str, tuple[str, ...]], commands: Sequence[Command], row: Row
    ) -> dict[str, int]:
        """Start each of the others again as soon as it has ended, as long as one of the commands runs."""
        under_way: dict[str, Command] = {}
        turns = dict.fromkeys(others, 0)
        while any(command.process.poll() is None for command in commands) or under_way:
            for name, (module, *arguments) in others.items():
                command = under_way.get(name)
                if command is not None and command.process.poll() is not None:
                    turns[name] += 1
                    check_other(under_way.pop(name), row)
                if name not in under_way and any(one.process.poll() is None for one in commands):
                    under_way[name] = self.start(row.trial, f"{name}-{turns[name]}", module, *arguments)
            time.sleep(0.1)
        return turns

    def killed(self) -> Row:
        """`kill -9` of the one for whom others wait; a lock file with somebody else's content before."""
        return self._disturbed("killed", _kill)

    def suspended(self) -> Row:
        """SIGSTOP of the one for whom others wait, Ctrl-C to one of those; then SIGCONT."""
        return self._disturbed("suspended", _let_go_on)

    def suspended_and_killed(self) -> Row:
        """SIGSTOP of the one for whom others wait; then `kill -9` without any SIGCONT."""
        return self._disturbed("suspended_and_killed", _kill)

    def _disturbed(self, trial: str, then: Callable[[Command], None]) -> Row:
        """Let some wait for one, which is suspended unless `trial` says only that it is killed."""
        number = max(self.processes // 8, 2)
        row = Row(trial, number + 1)
        choice, alone = self.alone_long()
        store = self.outputs(trial) / "store"
        (long_run,) = find_runs([self.folder / "alone" / "long"])
        training_id = long_run.record.training_id
        (store / training_id).mkdir(parents=True)
        (store / training_id / LOCK).write_text('{"process": 1, "host": "elsewhere", "since": "long ago"}\n')
        with measured(row):
            # Where it is not stopped, it must go on for longer than the others take to come.
            length = [f"training.num_iterations={ENDLESS}"] if trial == "killed" else []
            holder = self.train(trial, "holder", *choice, *length)
            wait_until(lambda: list(store.glob("*/state-*.pt")), "the holder's first state")
            if trial != "killed":
                os.kill(holder.process.pid, signal.SIGSTOP)
            waiters = [self.train(trial, f"waiter-{place}", *choice) for place in range(number)]
            self._hear_for_whom(holder, waiters, row)
            if trial == "suspended":
                self._interrupt(waiters.pop(), row)
            then(holder)
            survivors = waiters if then is _kill else [holder, *waiters]
            end_well(survivors, row)
            row.waits = sum(command.num_waits for command in waiters)
        runs = [run for run in find_runs([self.outputs(trial) / "runs"]) if run.record.status == "complete"]
        if len(runs) != len(survivors):
            row.problems.append(f"{len(runs)} complete runs of {len(survivors)}")
        compare(runs, alone, row)
        # What a killed one had trained since its last state is trained again.
        count(runs, row, None if then is _kill else LONG)
        return row

    def _hear_for_whom(self, holder: Command, waiters: Sequence[Command], row: Row) -> None:
        """Take the time until each waiter names the holder, from its own start of waiting."""
        name = f"waiting for process {holder.process.pid} on "
        for waiter in waiters:
            wait_until(lambda waiter=waiter: "vocabulary of" in waiter.output, "reading the corpus")
            seconds = wait_until(lambda waiter=waiter: name in waiter.output, "words on whom it waits for")
            if seconds > MOST_SECONDS_TO_SAY:
                row.problems.append(f"{waiter.log.stem} said for whom it waits after {seconds:.1f} s")
        said = next(line for line in waiters[0].output.splitlines() if name in line)
        row.notes.append(said.replace(f"{self.folder}/", ""))
        if row.trial != "killed" and "suspended" not in said:
            row.problems.append("no word on the holder being suspended")

    def _interrupt(self, waiter: Command, row: Row) -> None:
        started = time.monotonic()
        waiter.process.send_signal(signal.SIGINT)
        status = waiter.end()
        seconds = time.monotonic() - started
        row.notes.append(f"Ctrl-C ended a waiting run in {seconds:.1f} s")
        is_told = waiter.last_line.startswith("musicgen: interrupted; run the same command again")
        if status != 130 or seconds > MOST_SECONDS_TO_STOP or not is_told:
            row.problems.append(f"Ctrl-C: status {status} after {seconds:.1f} s: {waiter.last_line}")

    def clocks(self) -> Row:
        """Jumps of the clock by hours and days while runs train; two that start at the same moment."""
        row = Row("clocks", 4)
        choice, alone = self.alone_long()
        jumping, still = Clock(self.folder / row.trial / "jumping"), Clock(self.folder / row.trial / "still")
        still.stop_at(datetime(1971, 2, 3, 4, 5, 6, tzinfo=UTC))
        with measured(row):
            first, second = (
                self.train(row.trial, f"jumping-{place}", *choice, environment=jumping.environment)
                for place in range(2)
            )
            for hours in itertools.cycle(JUMPS):
                if first.process.poll() is not None and second.process.poll() is not None:
                    break
                jumping.jump(timedelta(hours=hours))
                time.sleep(0.5)
            others = [
                self.train(row.trial, f"still-{place}", *choice, environment=still.environment)
                for place in range(2)
            ]
            end_well([first, second, *others], row)
        runs = find_runs([self.outputs(row.trial) / "runs"])
        if len(runs) != 4:
            row.problems.append(f"{len(runs)} directories of 4 runs")
        compare(runs, alone, row)
        count(runs, row, LONG)
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


def _let_go_on(command: Command) -> None:
    os.kill(command.process.pid, signal.SIGCONT)


def _sweeps(outputs: Path) -> list[Path]:
    return sorted(path.parent for path in outputs.glob("sweeps/*/*/multirun.yaml"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, default=32, help="at once; at least 4")
    parser.add_argument("--trials", nargs="+", choices=TRIALS, default=TRIALS)
    parser.add_argument("--folder", type=Path, help="keep the outputs here")
    parsed = parser.parse_args(arguments)
    trials = Trials(parsed.folder or Path(tempfile.mkdtemp()), parsed.processes)
    rows = []
    for name in parsed.trials:
        rows.append(getattr(trials, name)())
        for note in rows[-1].notes:
            print(f"{name}: {note}", flush=True)
        for problem in rows[-1].problems:
            print(f"{name}: PROBLEM: {problem}", flush=True)
    table = pandas.DataFrame([asdict(row) for row in rows]).drop(columns="notes").round(0)
    table["problems"] = [len(row.problems) for row in rows]
    print(table.to_string(index=False))
    return 1 if any(row.problems for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
