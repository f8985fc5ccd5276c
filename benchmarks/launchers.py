"""What a run of a sweep costs with each launcher, beside the run itself.

    python -m benchmarks.launchers [--repeats 3] [--launchers local joblib ray submitit_local basic]

The same small study (eight runs of `experiment=smoke`, sixty iterations, nothing rendered or tracked) into a
fresh folder with each launcher in turn, two runs at a time where it can. Lists, as medians of the repeats,
seconds: of the whole command; until the first run begins, which has the plan and the imports in it; of a run
by its own clock; and of the command for each run.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime

from musicgen.records.runs import find_runs

OVERRIDES = (
    "experiment=smoke",
    "training.num_iterations=60",
    "training.validation_interval=20",
    "sampling.num_tunes=4",
    "sampling.max_chars=160",
    "evaluation.num_reference_splits=2",
    "tracker=none",
    "rendering=none",
    "rendering.plots=false",
    "training.learning_rate=1e-3,2e-3,4e-3",
    "seed=0,1",
)
TWO_AT_A_TIME = {
    "local": ["hydra.launcher.num_jobs=2"],
    "joblib": ["hydra.launcher.n_jobs=2"],
    "ray": ["hydra.launcher.ray.init.num_cpus=2"],
    "submitit_local": [],
    "basic": [],
}
"""Launcher -> what makes it run two at a time; submitit_local runs all at once, basic one after the other."""
COLUMNS = ("command", "until first", "a run", "command / run")


def measure(launcher: str) -> tuple[float, ...]:
    """The columns' seconds of one sweep."""
    with tempfile.TemporaryDirectory() as folder:
        options = [f"hydra/launcher={launcher}", *TWO_AT_A_TIME[launcher], f"paths.outputs={folder}"]
        command = [sys.executable, "-m", "musicgen.train", "--multirun", *OVERRIDES, *options]
        begun, started = time.time(), time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        records = [run.record for run in find_runs([done.stdout.strip().splitlines()[-1]])]
    first = min(datetime.fromisoformat(str(record.machine["started"])).timestamp() for record in records)
    own = statistics.median(record.timing["total_seconds"] for record in records)
    return seconds, first - begun, own, seconds / len(records)


def main() -> None:
    """Measure every launcher in turn, and print a row for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.launchers")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--launchers", nargs="+", choices=TWO_AT_A_TIME, default=list(TWO_AT_A_TIME))
    arguments = parser.parse_args()
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in arguments.launchers}
    for _ in range(arguments.repeats):
        for name, rows in found.items():
            rows.append(measure(name))
            print(
                f"{name:16s}" + "".join(f"{value:15.1f}" for value in rows[-1]), file=sys.stderr, flush=True
            )
    print(f"{'launcher':16s}" + "".join(f"{title:>15s}" for title in COLUMNS))
    for name, rows in found.items():
        medians = [statistics.median(column) for column in zip(*rows, strict=True)]
        print(f"{name:16s}" + "".join(f"{value:15.1f}" for value in medians))


if __name__ == "__main__":
    main()
