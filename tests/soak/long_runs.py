"""What grows in a long run and a long sweep: memory, open files, threads and disk usage.

    python -m tests.soak.long_runs iterations --iterations 100000
    python -m tests.soak.long_runs jobs --jobs 300 [overrides]
    python -m tests.soak.long_runs summary --outputs DIR

`iterations` is one small training. `jobs` is a sweep over that many seeds with Hydra's basic launcher, which
does all jobs in one process, each with a song, figures and a Comet archive. Both use forty tunes. Every half
second, samples.csv gets the process's progress, resident memory, open files and threads. The first fifth of
the steps is ignored; a line is fitted through the medians of twenty equal parts of the rest.

Exits with 1 if the command failed, or if a line rises in total by more than MAX_MEGABYTES (plus
LOG_BYTES_PER_ITERATION for the log of losses of a training), or by more than half a file or half a thread.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.soak.commands import write_tunebook
from tests.soak.row_files import append_row, read_rows

MAX_MEGABYTES = 20.0
"""Rise of resident memory that is allowed after the warm-up."""
LOG_BYTES_PER_ITERATION = 50.0
"""Memory of a training's log: a float object and two list entries; lists over-allocate by an eighth."""
WARM_UP, NUM_PARTS = 0.2, 20
SAMPLING_SECONDS = 0.5
COMMON = (
    "experiment=smoke",
    "training.num_threads=1",
    "device=cpu",
    "tracker.mode=offline",
    'sampling.prompts=["X:1\\nT:Tune\\nR:reel\\nM:4/4\\nL:1/8\\nK:C\\nCDEF"]',
)
TRAINING = (
    "model.hidden_size=16",
    "model.embedding_size=8",
    "training.batch_size=4",
    "training.sequence_length=16",
    "training.validation_interval=500",
    "rendering.num_tunes=1",
)
JOB = (
    "training.num_iterations=20",
    "training.validation_interval=10",
    "evaluation.num_reference_splits=2",
    "sampling.num_tunes=4",
    "sampling.max_chars=200",
    "rendering.num_tunes=1",
)


@dataclass(frozen=True)
class Sample:
    """The state of the process at one moment."""

    seconds: float
    progress: int
    """Iterations or jobs done."""
    megabytes: float
    """Resident memory."""
    files: int
    threads: int


def _iterations_done(outputs: Path) -> int:
    """Read the last complete row of the only history.csv in the folder."""
    history = next(outputs.rglob("history.csv"), None)
    if history is None:
        return 0
    with history.open("rb") as file:
        file.seek(max(0, history.stat().st_size - 200))
        lines = file.read().decode("utf-8").splitlines()
    numbers = [line.partition(",")[0] for line in lines[1:]]
    return int(numbers[-1]) if numbers and numbers[-1].isdigit() else 0


def _jobs_done(outputs: Path) -> int:
    """Count the files tunes.csv, which a job writes shortly before it ends."""
    return sum(1 for _ in (outputs / "sweep").glob("*/*/tunes.csv"))


def watch(command: Sequence[str], done: Callable[[], int], path: Path) -> int:
    """Run the command and write samples of its process; returns its exit status."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COMET_CONFIG": os.devnull}
    started = time.monotonic()
    path.unlink(missing_ok=True)
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                sample = Sample(
                    seconds=round(time.monotonic() - started, 2),
                    progress=done(),
                    megabytes=watched.memory_info().rss / 1e6,
                    files=watched.num_fds(),
                    threads=watched.num_threads(),
                )
            except psutil.Error:
                break
            append_row(path, sample)
            time.sleep(SAMPLING_SECONDS)
        return process.wait()


def rise(samples: Sequence[Sample], value: Callable[[Sample], float]) -> tuple[float, float, float]:
    """Fit a line through the medians of the parts; returns its total rise, and the first and last median."""
    last = max(sample.progress for sample in samples)
    first = WARM_UP * last
    width = (last - first) / NUM_PARTS
    parts: dict[int, list[float]] = {}
    for sample in samples:
        if sample.progress >= first:
            part = min(int((sample.progress - first) / width), NUM_PARTS - 1)
            parts.setdefault(part, []).append(value(sample))
    medians = {part: statistics.median(values) for part, values in sorted(parts.items())}
    slope = statistics.linear_regression(list(medians), list(medians.values())).slope
    return slope * NUM_PARTS, medians[min(medians)], medians[max(medians)]


def judge(samples: Sequence[Sample], bytes_per_step: float) -> bool:
    """Print a line for each quantity; returns whether none rises by more than its limit."""
    last = max(sample.progress for sample in samples)
    expected = bytes_per_step * last * (1 - WARM_UP) / 1e6
    limits: dict[str, tuple[Callable[[Sample], float], float]] = {
        "resident megabytes": (lambda sample: sample.megabytes, MAX_MEGABYTES + expected),
        "open files": (lambda sample: float(sample.files), 0.5),
        "threads": (lambda sample: float(sample.threads), 0.5),
    }
    is_flat = True
    print(f"{last} steps, {len(samples)} samples, {max(each.seconds for each in samples):.0f} s")
    print("| | after the first fifth | at the end | rise of the line | limit |")
    print("|---|---|---|---|---|")
    for name, (value, limit) in limits.items():
        by, begin, end = rise(samples, value)
        is_flat &= by <= limit
        print(f"| {name} | {begin:.1f} | {end:.1f} | {by:+.2f} | {limit:.1f} |")
    return is_flat


def print_disk_usage(outputs: Path) -> None:
    """Print the size of each kind of output."""
    kinds: dict[str, int] = {}
    for path in outputs.rglob("*"):
        if path.is_file() and not path.is_symlink():
            first, *rest = path.relative_to(outputs).parts
            kind = f"runs: {rest[2]}" if first == "sweep" and len(rest) > 2 else first
            kinds[kind] = kinds.get(kind, 0) + path.stat().st_size
    for kind, size in sorted(kinds.items(), key=lambda pair: -pair[1]):
        if size >= 1000:
            print(f"{kind}: {size / 1e6:.2f} MB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a trial; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.long_runs", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("what", choices=("iterations", "jobs", "summary"))
    parser.add_argument("--iterations", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--outputs", type=Path, help="outputs and samples.csv; default: a new folder")
    parser.add_argument("overrides", nargs="*", help="more overrides, such as paths.store_gigabytes=0.01")
    parsed = parser.parse_intermixed_args(arguments)
    outputs = parsed.outputs or Path(tempfile.mkdtemp(prefix="musicgen-long-runs-"))
    outputs.mkdir(parents=True, exist_ok=True)
    path, status = outputs / "samples.csv", 0
    if parsed.what != "summary":
        command = [sys.executable, "-m", "musicgen.train", *COMMON, f"paths.outputs={outputs}"]
        command += ["data=file", f"data.path={write_tunebook(outputs)}"]
        if parsed.what == "iterations":
            command += [*TRAINING, f"training.num_iterations={parsed.iterations}", *parsed.overrides]
            status = watch(command, lambda: _iterations_done(outputs), path)
        else:
            seeds = ",".join(map(str, range(parsed.jobs)))
            command += ["--multirun", "hydra/sweeper=basic", "hydra/launcher=basic"]
            command += [f"hydra.sweep.dir={outputs}/sweep"]
            # With one split, all jobs share a reference.
            command += [*JOB, "data.split_seed=0", f"seed={seeds}", *parsed.overrides]
            status = watch(command, lambda: _jobs_done(outputs), path)
    is_training = not (outputs / "sweep").exists()
    is_flat = judge(read_rows(path, Sample), LOG_BYTES_PER_ITERATION if is_training else 0.0)
    print_disk_usage(outputs)
    print("flat" if is_flat and not status else f"NOT AS PROMISED (exit status {status})")
    return 0 if is_flat and not status else 1


if __name__ == "__main__":
    sys.exit(main())
