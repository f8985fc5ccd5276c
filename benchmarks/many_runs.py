"""What 100, 1,000 and 10,000 runs cost whoever reads them: runs table, effects, report.

    python -m benchmarks.many_runs [--sizes 100 1000 10000] [--kinds study sweeps pile] [--pages 100]

One real run is made (a smoke run, with songs), and the others are copies of it whose run.json says that
they are other runs: other settings and seeds, other numbers. All other files are links to the real run's, so
that a run directory holds as many files as ever. Every size is read by a process of its own, whose highest
memory is told; the files have just been written, so that the system has them in its memory.

Seconds: of finding and reading the runs, of pairing them, of the runs table and of the effects table; of
`summarise`, which does the last three and writes them; and up to --pages runs, whose songs and figures take
longest, of the figures of `musicgen.compare` and of `musicgen.report`, in processes of their own.

    study   one study, ten seeds of every arm
    sweeps  as many studies of ten runs as it takes, of the same baseline
    pile    runs without a plan, as a search makes them: four parameters drawn at random
"""

import argparse
import copy
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

from musicgen.records.record import FILE_NAME, RunRecord

KINDS = ("study", "sweeps", "pile")
SIZES = (100, 1_000, 10_000)
NUM_SEEDS = 10
STEPS = ("find", "pair", "table", "effects", "summarise")
PAGES = ("compare", "report")
"""Commands that draw."""
OVERRIDES = ("experiment=smoke", "tracker.mode=offline", "evaluation.num_reference_splits=2")
_LEVELS = {
    "training.learning_rate": lambda place: 1e-3 * (1 + place),
    "training.weight_decay": lambda place: 0.01 * (1 + place),
    "training.gradient_clip": lambda place: 0.5 + place,
    "training.batch_size": lambda place: 64 + place,
}
"""Parameter -> its level number `place`; none is the baseline's."""


def make_template(folder: Path) -> Path:
    """The directory of a real run."""
    command = [sys.executable, "-m", "musicgen.train", *OVERRIDES, f"paths.outputs={folder}"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip().splitlines()[-1]).resolve()


def write_runs(template: Path, folder: Path, kind: str, number: int) -> None:
    """Make so many run directories below the folder."""
    content = asdict(RunRecord.read(template))
    others = [path.relative_to(template) for path in template.rglob("*") if path.is_file()]
    others.remove(Path(FILE_NAME))
    random_numbers = random.Random(number)
    for name, seed, values, change in _described(kind, number, random_numbers, content["config"]):
        run = copy.deepcopy(content)
        for parameter, value in values.items():
            group, _, field = parameter.partition(".")
            run["config"][group][field] = value
        run["config"]["seed"] = run["config"]["data"]["split_seed"] = run["seed"] = seed
        run["change"] = run["config"]["change"] = change
        # The same settings and seed are the same run, with the same numbers, in whichever sweep.
        run["run_id"] = run["training_id"] = f"{zlib.crc32(repr((values, seed)).encode()):016x}"
        numbers = random.Random(run["run_id"])
        run["metrics"] = {
            metric: None if value is None else _beside(value, numbers)
            for metric, value in run["metrics"].items()
        }
        directory = folder / name
        for other in others:
            (directory / other).parent.mkdir(parents=True, exist_ok=True)
            os.link(template / other, directory / other)
        RunRecord(**run).write(directory)


def _beside(value: float, numbers: random.Random) -> float:
    """A number near this one; what may be a share stays one."""
    other = value + numbers.gauss(0, 0.01)
    return min(max(other, 0.0), 1.0) if 0 <= value <= 1 else other


def _described(
    kind: str, number: int, random_numbers: random.Random, config: dict
) -> Iterator[tuple[str, int, dict[str, object], dict[str, object] | None]]:
    """Directory, seed, settings and change of every run."""
    names = list(_LEVELS)
    for place in range(number):
        if kind == "pile":
            values = {name: level(random_numbers.randrange(1000)) for name, level in _LEVELS.items()}
            yield f"pile/{place}", 0, values, None
            continue
        sweep = place // NUM_SEEDS if kind == "sweeps" else 0
        arm, seed = divmod(place, NUM_SEEDS) if kind == "study" else (place % 2, place % NUM_SEEDS // 2)
        level = arm - 1 if kind == "study" else sweep
        if arm == 0:
            yield f"{sweep}/baseline/seed={seed}", seed, {}, None
            continue
        name = names[level % len(names)]
        value = _LEVELS[name](level // len(names))
        group, _, field = name.partition(".")
        change = {"parameter": name, "value": value, "baseline_value": config[group][field]}
        yield f"{sweep}/{name}={value}/seed={seed}", seed, {name: value}, change


def read_runs(folder: Path) -> dict[str, float]:
    """Seconds of every step in this process, and its highest memory in bytes."""
    from musicgen.effects.pairing import pair_runs
    from musicgen.effects.summary import summarise
    from musicgen.effects.table import effects_table
    from musicgen.records.runs import find_runs, runs_table

    marks = [time.perf_counter()]

    def mark() -> None:
        marks.append(time.perf_counter())

    runs = find_runs([folder])
    mark()
    star = pair_runs(runs)
    mark()
    runs_table([*star.runs, *star.left_out], folder)
    mark()
    effects_table(star)
    mark()
    summarise(runs, folder, draws=False)
    mark()
    seconds = [end - begin for begin, end in pairwise(marks)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return dict(zip(STEPS, seconds, strict=True)) | {"bytes": memory}


def command_seconds(name: str, folder: Path) -> float:
    """Of a command of the project on the folder."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", f"musicgen.{name}", str(folder)], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Make the runs and print a row for each kind and size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_runs")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--pages", type=int, default=100, help="the most runs that are drawn")
    parser.add_argument("--folder", type=Path, help="for all runs; a fresh one by default")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read is not None:
        print(json.dumps(read_runs(arguments.read)))
        return
    print(f"{'runs':15s}" + "".join(f"{title:>11s}" for title in (*STEPS, "MB", *PAGES)), flush=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        template = make_template(Path(temporary) / "real")
        for kind in arguments.kinds:
            for size in arguments.sizes:
                folder = Path(temporary) / f"{kind}-{size}"
                write_runs(template, folder, kind, size)
                command = [sys.executable, "-m", "benchmarks.many_runs", "--read", str(folder)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                found = json.loads(done.stdout.splitlines()[-1])
                cells = [f"{found[step]:11.2f}" for step in STEPS] + [f"{found['bytes'] / 1e6:11.0f}"]
                print(f"{kind:8s}{size:7d}" + "".join(cells), end="", flush=True)
                for name in PAGES if size <= arguments.pages else ():
                    print(f"{command_seconds(name, folder):11.1f}", end="", flush=True)
                print(flush=True)
                shutil.rmtree(folder)


if __name__ == "__main__":
    main()
