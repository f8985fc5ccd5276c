"""The overhead of a job beyond training, sampling and rendering, and of a sweep beyond its jobs.

    python benchmarks/job_overhead.py [--jobs-at-a-time 1] [--folder DIR] [OVERRIDE ...]

Runs a sweep of smoke jobs (three learning rates, two seeds) in a new folder, with Comet archives, songs,
scores and plots. With one job at a time, a job takes from the end of the previous one to its own end, as the
command prints them; its `timing` says how much of that was training, sampling and rendering. The last rows
show the overhead of the whole sweep.
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
"""The purpose of a job; everything else is overhead."""
PARTS = ("evaluate_seconds", "losses_seconds", "plots_seconds")
"""Parts of the overhead: metrics and their figures, losses over the whole corpus, and writing figures."""
COLUMNS = ("wall", "train", "sample", "render", "overhead", "evaluate", "losses", "plots")


@dataclass(frozen=True)
class Sweep:
    """The wall-clock times of a sweep."""

    directory: Path
    ends: list[float]
    """The end of each job, in seconds since the start of the command."""
    seconds: float
    """The duration of the command."""


def run_sweep(overrides: list[str]) -> Sweep:
    """Run the command and record when it prints the end of each job."""
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
    """The runs of a sweep in the order of their ends."""
    return sorted(find_runs([directory]), key=lambda run: (run.directory / "run.json").stat().st_mtime)


def print_row(name: str, *seconds: float) -> None:
    """Print one line of the table."""
    print(f"{name:44s}" + "".join(f"{value:9.2f}" for value in seconds), flush=True)


def report(sweep: Sweep, jobs_at_a_time: int) -> None:
    """Print a row for each job, their median, and the totals of the sweep.

    Parallel jobs have no separate times, so only the totals are printed.
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
    print_row("… without training, sampling, rendering", sweep.seconds - total)
    print_row("… the same, per job", (sweep.seconds - total) / len(runs))


def main() -> None:
    """Run the sweep and print the table."""
    parser = argparse.ArgumentParser(description="Time the overhead of a sweep's jobs.")
    parser.add_argument("overrides", nargs="*", default=[], help="more overrides, such as tracker=none")
    parser.add_argument("--jobs-at-a-time", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for all outputs; default: a new one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        more = [f"paths.outputs={folder}", f"hydra.launcher.num_jobs={arguments.jobs_at_a_time}"]
        sweep = run_sweep([*OVERRIDES, *more, *arguments.overrides])
        report(sweep, arguments.jobs_at_a_time)


if __name__ == "__main__":
    main()
