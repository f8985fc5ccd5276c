"""What grows in a long run and in a long sweep: memory, open files, threads, and bytes on the disk.

    python -m tests.soak.long_runs iterations --iterations 100000
    python -m tests.soak.long_runs jobs --jobs 300 [overrides]
    python -m tests.soak.long_runs summary --outputs DIR

`iterations` is one small training; `jobs` a sweep over as many seeds with Hydra's basic launcher, which does
all jobs in one process, each with a song, figures, a Comet archive and everything else; both on forty tunes.
The process is looked at from outside, every half second, and samples.csv takes what is seen: seconds, how far
it has come, resident megabytes, open files, threads. After the first fifth, straight lines through the
medians of twenty equal parts of the way say what grows.

Exits with 1 if the command failed, or if the line rises over the whole way by more than MEGABYTES (of a
training, what its log of losses takes is taken off: BYTES_OF_AN_ITERATION) or by more than half a file or
half a thread.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import psutil

MEGABYTES = 20.0
"""That resident memory may rise by, after the first fifth."""
BYTES_OF_AN_ITERATION = 50.0
"""What the log of a training takes: a number of its own and two places in lists, which grow by an eighth."""
WARM_UP, NUM_PARTS = 0.2, 20
SECONDS_BETWEEN_SAMPLES = 0.5
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
    """The process at a moment."""

    seconds: float
    progress: int
    """Iterations or jobs done."""
    megabytes: float
    """Resident."""
    files: int
    threads: int


def write_corpus(path: Path) -> Path:
    """Forty tunes of eight bars, no two alike: a corpus that costs a job no time."""
    tunes = []
    for number in range(40):
        bars = [
            "".join(
                "CDEFGABc"[(number * (bar + 1) + 3 * bar + note * (1 + number % 5)) % 8] for note in range(8)
            )
            for bar in range(8)
        ]
        body = "|".join(bars[:4]) + "|\n" + "|".join(bars[4:]) + "|]"
        tunes.append(f"X:{number + 1}\nT:Tune {number + 1}\nR:reel\nM:4/4\nL:1/8\nK:C\n{body}")
    path.write_text("\n\n".join(tunes) + "\n", encoding="utf-8")
    return path


def _iterations_done(outputs: Path) -> int:
    """By the last whole row of the only history below."""
    history = next(outputs.rglob("history.csv"), None)
    if history is None:
        return 0
    with history.open("rb") as file:
        file.seek(max(0, history.stat().st_size - 200))
        lines = file.read().decode("utf-8").splitlines()
    numbers = [line.partition(",")[0] for line in lines[1:]]
    return int(numbers[-1]) if numbers and numbers[-1].isdigit() else 0


def _jobs_done(outputs: Path) -> int:
    """By the rows of tunes: a job has written them shortly before it ends."""
    return sum(1 for _ in (outputs / "sweep").glob("*/*/tunes.csv"))


def watch(command: Sequence[str], done: Callable[[], int], path: Path) -> int:
    """Run the command and write samples of it; returns its exit status."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COMET_CONFIG": os.devnull}
    started = time.monotonic()
    with (
        path.open("w", encoding="utf-8", newline="", buffering=1) as file,
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process,
    ):
        writer = csv.DictWriter(file, [field.name for field in fields(Sample)])
        writer.writeheader()
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
            writer.writerow(asdict(sample))
            time.sleep(SECONDS_BETWEEN_SAMPLES)
        return process.wait()


def read_samples(path: Path) -> list[Sample]:
    """What `watch` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Sample(
                float(row["seconds"]),
                int(row["progress"]),
                float(row["megabytes"]),
                int(row["files"]),
                int(row["threads"]),
            )
            for row in csv.DictReader(file)
        ]


def rise(samples: Sequence[Sample], value: Callable[[Sample], float]) -> tuple[float, float, float]:
    """By how much a line through the medians of parts of the way rises, and the first and last of them."""
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


def judge(samples: Sequence[Sample], bytes_of_a_step: float) -> bool:
    """Print a line for each quantity; returns whether all are as flat as promised."""
    last = max(sample.progress for sample in samples)
    expected = bytes_of_a_step * last * (1 - WARM_UP) / 1e6
    limits: dict[str, tuple[Callable[[Sample], float], float]] = {
        "resident megabytes": (lambda sample: sample.megabytes, MEGABYTES + expected),
        "open files": (lambda sample: float(sample.files), 0.5),
        "threads": (lambda sample: float(sample.threads), 0.5),
    }
    is_flat = True
    print(f"{last} steps, {len(samples)} samples, {max(each.seconds for each in samples):.0f} s")
    print("| | after the first fifth | at the end | rise of the line | at most |")
    print("|---|---|---|---|---|")
    for name, (value, limit) in limits.items():
        by, begin, end = rise(samples, value)
        is_flat &= by <= limit
        print(f"| {name} | {begin:.1f} | {end:.1f} | {by:+.2f} | {limit:.1f} |")
    return is_flat


def tell_bytes(outputs: Path) -> None:
    """Print what lies on the disk, by where it lies."""
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
    parser = argparse.ArgumentParser(prog="python -m tests.soak.long_runs", description=__doc__)
    parser.add_argument("what", choices=("iterations", "jobs", "summary"))
    parser.add_argument("--iterations", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--outputs", type=Path, help="default: a new folder; it holds samples.csv")
    parser.add_argument(
        "overrides", nargs="*", help="more of the command, such as paths.store_gigabytes=0.01"
    )
    parsed = parser.parse_intermixed_args(arguments)
    outputs = parsed.outputs or Path(tempfile.mkdtemp(prefix="musicgen-long-runs-"))
    outputs.mkdir(parents=True, exist_ok=True)
    path, status = outputs / "samples.csv", 0
    if parsed.what != "summary":
        corpus = write_corpus(outputs / "corpus.abc")
        command = [sys.executable, "-m", "musicgen.train", *COMMON, f"paths.outputs={outputs}"]
        command += ["data=file", f"data.path={corpus}"]
        if parsed.what == "iterations":
            command += [*TRAINING, f"training.num_iterations={parsed.iterations}", *parsed.overrides]
            status = watch(command, lambda: _iterations_done(outputs), path)
        else:
            seeds = ",".join(map(str, range(parsed.jobs)))
            command += [
                "--multirun",
                "hydra/sweeper=basic",
                "hydra/launcher=basic",
                f"hydra.sweep.dir={outputs}/sweep",
            ]
            # One split and one reference for all.
            command += [*JOB, "data.split_seed=0", f"seed={seeds}", *parsed.overrides]
            status = watch(command, lambda: _jobs_done(outputs), path)
    is_training = not (outputs / "sweep").exists()
    is_flat = judge(read_samples(path), BYTES_OF_AN_ITERATION if is_training else 0.0)
    tell_bytes(outputs)
    print("flat" if is_flat and not status else f"NOT AS PROMISED (exit status {status})")
    return 0 if is_flat and not status else 1


if __name__ == "__main__":
    sys.exit(main())
