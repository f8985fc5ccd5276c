"""What a job costs beside training, sampling and rendering, and what a sweep costs beside its jobs.

    python benchmarks/job_overhead.py [--jobs-at-a-time 1] [--folder DIR] [OVERRIDE ...]

Runs a real sweep of smoke jobs (three learning rates, two seeds) into a fresh folder: archives for
Comet, songs, scores and plots are all made. One job runs at a time, so that a job lasts from the end of the
one before it to its own end, as the command's lines tell; its own `timing` says what of that was training,
sampling and rendering. What the sweep costs beside its jobs is in the last rows, so that nothing hides there.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from musicgen.records.runs import FoundRun, find_runs

OVERRIDES = ("experiment=smoke", "training.learning_rate=2e-3,5e-3,1e-2", "seed=0,1")
WORK = ("train_seconds", "sample_seconds", "render_seconds")
"""What a job is for; all else is overhead."""
PARTS = ("evaluate_seconds", "losses_seconds", "plots_seconds")
"""Of the overhead: measuring the tunes and making their figures, the network's losses over the whole corpus,
and writing the figures."""
COLUMNS = ("wall", "train", "sample", "render", "overhead", "evaluate", "losses", "plots")


@dataclass(frozen=True)
class Sweep:
    """A sweep that ended, by the clock of who waited for it."""

    directory: Path
    ends: list[float]
    """When each job was over, in seconds since the command was given."""
    seconds: float
    """Of the whole command."""


def run_sweep(overrides: list[str]) -> Sweep:
    """Give the command and note when it tells of each job's end."""
    command = [sys.executable, "-m", "musicgen.train", "--multirun", *overrides]
    started = time.perf_counter()
    ends, last = [], ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if " of " in line and " in " in line and line[0].isdigit():
                ends.append(time.perf_counter() - started)
            last = line.strip() or last
    if process.returncode:
        raise SystemExit(f"the sweep ended with status {process.returncode}: {last}")
    return Sweep(Path(last), ends, time.perf_counter() - started)


def in_order_of_ends(directory: Path) -> list[FoundRun]:
    """The runs of a sweep as they ended."""
    return sorted(find_runs([directory]), key=lambda run: (run.directory / "run.json").stat().st_mtime)


def print_row(name: str, *seconds: float) -> None:
    """One line of the table."""
    print(f"{name:44s}" + "".join(f"{value:9.2f}" for value in seconds), flush=True)


def report(sweep: Sweep, jobs_at_a_time: int) -> None:
    """Print a row for each job, their median, and the account of the whole sweep.

    Jobs that run side by side have no time of their own: they count in the account alone.
    """
    runs = in_order_of_ends(sweep.directory)
    work = [[run.record.timing[name] for name in WORK] for run in runs]
    if jobs_at_a_time == 1:
        ends = zip([0.0, *sweep.ends], sweep.ends, strict=False)
        print(f"{'job, seconds':44s}" + "".join(f"{title:>9s}" for title in COLUMNS))
        rows = [
            (end - before, *parts, end - before - sum(parts), *(run.record.timing.get(n, 0) for n in PARTS))
            for (before, end), parts, run in zip(ends, work, runs, strict=True)
        ]
        for run, row in zip(runs, rows, strict=True):
            print_row(str(run.directory.relative_to(sweep.directory)), *row)
        columns = zip(*rows[1:], strict=True)
        print_row("median from the second job on", *(statistics.median(column) for column in columns))
    total = sum(map(sum, work)) / jobs_at_a_time
    print_row("the whole command", sweep.seconds)
    print_row("… its end: tables, figures, archive", sweep.seconds - sweep.ends[-1])
    print_row("… beside training, sampling, rendering", sweep.seconds - total)
    print_row("… the same, a job", (sweep.seconds - total) / len(runs))


def main() -> None:
    """Run the sweep and print the table."""
    parser = argparse.ArgumentParser(description="Time what jobs of a sweep cost.")
    parser.add_argument("overrides", nargs="*", default=[], help="more overrides, such as tracker=none")
    parser.add_argument("--jobs-at-a-time", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for all output; a fresh one by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        more = [f"paths.outputs={folder}", f"hydra.launcher.num_jobs={arguments.jobs_at_a_time}"]
        sweep = run_sweep([*OVERRIDES, *more, *arguments.overrides])
        report(sweep, arguments.jobs_at_a_time)


if __name__ == "__main__":
    main()
