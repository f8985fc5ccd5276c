"""How soon Comet shows what runs write, against a stand-in for its server.

    python -m tests.soak.comet_live [--iterations 6000] [--outputs DIR]

One run of at least a minute, then a sweep of six runs, two at a time. Every row of a history.csv is timed
when it appears in the file, and again when its points arrive. The table has a line for each run: its rows,
the longest delay, and how many points and files the server has at the end.

Exits with 1 if a delay is above 5 s, if a run was not shown while it trained, or if the server lacks
something or has something twice.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from musicgen.records.record import RunRecord
from musicgen.records.runs import records_below
from musicgen.run.uploads import LOG_NAME
from tests.soak.comet_faults import BACKGROUND_SECONDS, lacking
from tests.soak.comet_server import CometServer, comet_server
from tests.soak.commands import write_tunebook
from tests.soak.long_runs import COMMON

MAX_DELAY_SECONDS = 5.0
RUN = (*COMMON, "tracker.mode=live", "evaluation.num_reference_splits=2", "rendering.num_tunes=2")
SWEEP = ("--multirun", "training.learning_rate=0.005,0.0025", "seed=0,1,2", "hydra.launcher.num_jobs=2")
_POLL_SECONDS = 0.1


class Watch(threading.Thread):
    """Notes when each row of every history.csv below a directory appears."""

    def __init__(self, directory: Path) -> None:
        super().__init__(daemon=True)
        self._directory = directory
        self._is_over = threading.Event()
        self.written: dict[tuple[Path, int], float] = {}
        """Run directory and iteration -> when, in seconds since the epoch."""

    def run(self) -> None:
        while not self._is_over.wait(_POLL_SECONDS):
            for path in self._directory.rglob("history.csv"):
                with path.open(newline="") as file:
                    rows = [row for row in csv.DictReader(file) if row["tokens_per_second"] is not None]
                for row in rows:
                    self.written.setdefault((path.parent, int(row["iteration"])), time.time())

    def end(self) -> None:
        self._is_over.set()
        self.join()


def observe(server: CometServer, place: Path, overrides: Sequence[str]) -> list[str]:
    """Run the command, print a line for each of its runs, and return what was wrong."""
    directory = place / "results"
    words = [sys.executable, "-m", "musicgen.train", *overrides]
    words += [f"hydra.{mode}.dir={directory}" for mode in ("run", "sweep")]
    environment = os.environ | server.environment | {"COMET_CONFIG": os.devnull, "OMP_NUM_THREADS": "1"}
    watch = Watch(place)
    watch.start()
    started = time.time()
    done = subprocess.run([*words, f"paths.outputs={place}"], env=environment, capture_output=True, text=True)
    watch.end()
    print(f"{time.time() - started:.0f} s; {done.stdout.splitlines()[-2]}")
    _wait_until_sent(directory)
    problems = [] if done.returncode == 0 else [done.stderr]
    for file in sorted(records_below(directory)):
        problems += _line_of(file.parent, server, watch)
    return problems


def _wait_until_sent(directory: Path) -> None:
    deadline = time.monotonic() + BACKGROUND_SECONDS
    while "not tried" not in (directory / LOG_NAME).read_text() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _line_of(directory: Path, server: CometServer, watch: Watch) -> list[str]:
    archive = directory / str((RunRecord.read(directory).comet or {})["archive"])
    experiment = server.experiments[archive.stem]
    arrived = {
        step: at
        for (name, _, step), at in zip(experiment.metrics, experiment.arrivals, strict=True)
        if name == "fit/train_loss"
    }
    written = {iteration: at for (run, iteration), at in watch.written.items() if run == directory}
    delays = [arrived[iteration] - at for iteration, at in written.items() if iteration in arrived]
    seconds = max(written.values()) - min(written.values())
    problems = {
        "rows are missing": len(delays) < len(written),
        "too late": max(delays) > MAX_DELAY_SECONDS,
        "not live": not experiment.was_live or min(arrived.values()) > max(written.values()),
        lacking(archive, server): bool(lacking(archive, server)),
    }
    name = f"{directory.parent.name}/{directory.name}"
    found = [f"{name}: {problem}" for problem, is_so in problems.items() if is_so]
    ends = "; ".join(found) or "all of the archive, once"
    numbers = f"{seconds:.0f} | {len(written)} | {max(delays):.1f}"
    print(f"| {name} | {numbers} | {len(experiment.metrics)} | {len(experiment.files)} | {ends} |")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trial; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.comet_live", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--iterations", type=int, default=6000)
    parser.add_argument("--outputs", type=Path, default=None)
    parsed = parser.parse_args(arguments)
    outputs = parsed.outputs or Path(tempfile.mkdtemp(prefix="musicgen-comet-live-"))
    outputs.mkdir(parents=True, exist_ok=True)
    corpus = ("data=file", f"data.path={write_tunebook(outputs)}")
    problems = []
    print("| run | seconds | rows | longest delay, s | points | files | Comet has |")
    print("|---" * 7 + "|")
    with comet_server() as server:
        for more, share in (((), 1), (SWEEP, 4)):
            place = Path(tempfile.mkdtemp(dir=outputs))
            length = f"training.num_iterations={parsed.iterations // share}"
            problems += observe(server, place, (*more, *RUN, *corpus, length))
    print(*problems or ["kept"], sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
