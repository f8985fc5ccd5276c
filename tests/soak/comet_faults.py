"""Runs while Comet fails: what it costs them, what they report, and what is sent later.

    python -m tests.soak.comet_faults [--rounds 5] [--faults FAULT ...] [--outputs DIR]
    python -m tests.soak.comet_faults --summary --outputs DIR

Each round does the same run without a tracker, with an archive that is not sent, and under each condition,
with a process that shows it on Comet: no fault; those of `comet_server.FAULTS`; a server that hangs once it
has got points; a port on which nothing listens; a name that does not resolve; a process that is killed; a
file in place of the folder of archives; and a full disk for that folder (if this process may mount one). The
table has the seconds of the training and of the whole command, and the command's processor seconds, which are
more reliable on a shared machine. After a fault the server recovers, and
`python -m musicgen.upload` must make it hold everything in the run's archive, nothing twice. DIR/results.csv
gets a row for each run, so a trial can be done in pieces.

Exits with 1 if a run is incomplete, does not report what happened, or cannot be sent later in full, or if the
median processor seconds under a condition are more than 1.05 times those with an archive that is not sent.
"""

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from musicgen.records.record import RunRecord
from musicgen.run.uploads import LOG_NAME
from tests.soak.comet_server import FAULTS, CometServer, Fault, comet_server
from tests.soak.commands import write_tunebook
from tests.soak.long_runs import COMMON
from tests.soak.row_files import append_row, read_rows

WITHOUT, OFFLINE = "without a tracker", "archive that is not sent"
NO_FAULT, REFUSES, NO_NAME = "no fault", "refuses", "name does not resolve"
HANGS_LATER, KILLED = "hangs midway", "process is killed"
NO_FOLDER, FULL_DISK = "folder is a file", "disk is full"
LATER = (HANGS_LATER, KILLED)
"""Faults that begin when the server has got points."""
CONDITIONS = (WITHOUT, OFFLINE, NO_FAULT, REFUSES, NO_NAME, *FAULTS, *LATER, NO_FOLDER, FULL_DISK)
MAX_RATIO = 1.05
UPLOAD_SECONDS, HANGING_UPLOAD_SECONDS = 60.0, 10.0
"""Time limits of an upload; the second for servers that hang, where only the limit ends it."""
BACKGROUND_SECONDS = 120.0
RUN = (*COMMON, "training.num_iterations=2000", "evaluation.num_reference_splits=2", "rendering.num_tunes=2")
FULL_DISK_BYTES = 64 * 1024
_OF_COMET = "process duration"
"""A metric that Comet adds when an experiment ends."""


@dataclass(frozen=True)
class Trial:
    """A run under one condition."""

    round: int
    condition: str
    train_seconds: float
    command_seconds: float
    processor_seconds: float
    """Of the command and the processes that it waited for."""
    num_points: int
    """Received by the server before the command ended."""
    recorded: str
    """The tracker's error or URL in run.json after the upload in the background; may be empty."""
    problem: str
    """A broken promise, or ""."""


def _environment(server: CometServer | None) -> dict[str, str]:
    # A key in the user's home must not take a trial online. Comet would retry for half a minute in the
    # background; a single retry shows the same.
    own = {"COMET_CONFIG": os.devnull, "OMP_NUM_THREADS": "1"}
    own |= {f"COMET_{name}_RETRY_TOTAL": "1" for name in ("GET_OR_ADD_EXPERIMENT", "HTTP_SESSION")}
    if server is not None:
        own |= server.environment
    return {name: value for name, value in os.environ.items() if name != "COMET_API_KEY"} | own


def _command(directory: Path, outputs: Path, overrides: Sequence[str], condition: str) -> list[str]:
    limit = HANGING_UPLOAD_SECONDS if "hangs" in condition else UPLOAD_SECONDS
    tracker = {WITHOUT: ["tracker=none"], OFFLINE: ["tracker.mode=offline"]}.get(
        condition, ["tracker.mode=live", f"tracker.upload_timeout_seconds={limit:g}"]
    )
    # With its own store, each run has to train.
    places = [f"paths.outputs={outputs}", f"paths.store={directory}-store", f"hydra.run.dir={directory}"]
    return [sys.executable, "-m", "musicgen.train", *overrides, *tracker, *places]


@contextmanager
def _archive_folder(directory: Path, condition: str) -> Iterator[None]:
    """Make the run's folder of archives unusable during the block, if that is the condition."""
    folder = directory / "comet"
    if condition == NO_FOLDER:
        replacing = threading.Thread(target=_replace_by_file, args=(folder,))
        replacing.start()
        yield
        replacing.join()
        folder.unlink()
    elif condition == FULL_DISK:
        folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={FULL_DISK_BYTES}", "tmpfs", folder], check=True)
        kept: dict[Path, bytes] = {}
        try:
            yield
            # A real disk keeps what was written before it was full: what Comet has begun to get.
            kept = {path: path.read_bytes() for path in folder.glob("*.json")}
        finally:
            subprocess.run(["umount", folder], check=True)
            for path, content in kept.items():
                path.write_bytes(content)
    else:
        yield


def _replace_by_file(folder: Path) -> None:
    """Replace the folder by a file as soon as the run has made it."""
    deadline = time.monotonic() + BACKGROUND_SECONDS
    while not folder.is_dir() and time.monotonic() < deadline:
        time.sleep(0.01)
    folder.rename(folder.with_name("comet taken away"))
    folder.touch()


def try_run(condition: str, number: int, directory: Path, outputs: Path, overrides: Sequence[str]) -> Trial:
    """Do a run in a new directory, then upload it to a server that works again."""
    fault: Fault = FAULTS[FAULTS.index(condition)] if condition in FAULTS else "none"
    with comet_server(fault) as server:
        environment = _environment(None if condition in (WITHOUT, OFFLINE) else server)
        if condition == REFUSES:
            environment["COMET_URL_OVERRIDE"] = f"http://127.0.0.1:{_closed_port()}/clientlib/"
        if condition == NO_NAME:
            environment["COMET_URL_OVERRIDE"] = "http://comet.invalid/clientlib/"
        with _archive_folder(directory, condition), _fault_later(directory, condition, server):
            started, used = time.perf_counter(), _processor_seconds()
            command = _command(directory, outputs, overrides, condition)
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            seconds, used = time.perf_counter() - started, _processor_seconds() - used
            num_points = _num_points(server)
            if done.returncode:
                problem = f"exit status {done.returncode}: {done.stderr}"
                return Trial(number, condition, 0.0, seconds, used, num_points, "", problem)
            _wait_for_background(directory)
        record = RunRecord.read(directory)
        recorded = str((record.comet or {}).get("error") or (record.comet or {}).get("url") or "")
        problem = "" if record.status == "complete" else f"status {record.status}"
        if condition not in (WITHOUT, OFFLINE):
            problem = problem or ("" if recorded else "run.json does not say what happened")
            server.fault = "none"
            problem = problem or _send_later(directory, server)
    trained = record.timing["train_seconds"]
    return Trial(number, condition, trained, seconds, used, num_points, recorded, problem)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _num_points(server: CometServer) -> int:
    return sum(len(experiment.metrics) for experiment in list(server.experiments.values()))


@contextmanager
def _fault_later(directory: Path, condition: str, server: CometServer) -> Iterator[None]:
    """Let the server hang, or kill the process that follows the run, once points have arrived."""

    def break_it() -> None:
        deadline = time.monotonic() + BACKGROUND_SECONDS
        while not _num_points(server) and time.monotonic() < deadline:
            time.sleep(0.1)
        if condition == HANGS_LATER:
            server.fault = "hangs"
            return
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "--follow" in words and str(directory) in words:
                process.kill()

    if condition not in LATER:
        yield
        return
    breaking = threading.Thread(target=break_it)
    breaking.start()
    yield
    breaking.join()


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return closed.getsockname()[1]


def _wait_for_background(directory: Path) -> None:
    """Wait until the log of the background upload, if there is one, shows that it has ended."""
    path, deadline = directory / LOG_NAME, time.monotonic() + BACKGROUND_SECONDS
    while path.exists() and time.monotonic() < deadline:
        text = path.read_text(encoding="utf-8")
        if "not tried" in text or "musicgen: " in text:
            return
        time.sleep(0.1)


def _send_later(directory: Path, server: CometServer) -> str:
    """Upload the run's archive; returns what the server did not get."""
    command = [sys.executable, "-m", "musicgen.upload", str(directory)]
    done = subprocess.run(command, env=_environment(server), capture_output=True, text=True)
    if done.returncode:
        return f"upload: exit status {done.returncode}: {done.stdout}{done.stderr}"
    if "url" not in (RunRecord.read(directory).comet or {}):
        return "run.json has no url"
    (archive,) = (directory / "comet").glob("*.zip")
    return lacking(archive, server)


def lacking(archive: Path, server: CometServer) -> str:
    """What the server lacks of an archive, or has twice; empty if it has everything once."""
    experiment = server.experiments[archive.stem.partition("-")[0]]
    with zipfile.ZipFile(archive) as content:
        messages = [json.loads(line) for line in content.read("messages.json").splitlines()]
        uploads = [message["payload"] for message in messages if message["type"] == "file_upload"]
        files = sorted((name_of(upload), content.read(upload["file_path"])) for upload in uploads)
    sent = [message["payload"]["metric"] for message in messages if message["type"] == "metric_msg"]
    metrics = {
        (one["metricName"], float(one["metricValue"]), one.get("step"))
        for one in sent
        if one["metricName"] != _OF_COMET
    }
    received = Counter((name, float(str(value)), step) for name, value, step in experiment.metrics)
    problems = {
        "files differ": sorted(experiment.files) != files,
        "the archive is empty": not (files and metrics),
        "metrics are missing": bool(metrics - set(received)),
        "metrics came twice": max(received.values(), default=0) > 1,
        "parameters or the end are missing": not (experiment.is_ended and experiment.parameters),
    }
    return "; ".join(problem for problem, is_found in problems.items() if is_found)


def name_of(upload: Mapping[str, Any]) -> str:
    """The name of a file in an archive; for a picture, that of its figure."""
    parameters = upload["additional_params"]
    return str(parameters.get("fileName") or parameters.get("figName"))


def _can_mount() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0


def summarise(trials: Sequence[Trial]) -> bool:
    """Print a line for each condition; returns whether every promise was kept."""
    rounds: dict[int, dict[str, Trial]] = defaultdict(dict)
    for trial in trials:
        rounds[trial.round][trial.condition] = trial
    is_kept = True
    print("| condition | runs | live points | training, s | command, s | processor, share | run.json says |")
    print("|---" * 7 + "|")
    by_condition = {
        condition: [each[condition] for each in rounds.values() if condition in each]
        for condition in dict.fromkeys(trial.condition for trial in trials)
    }
    for condition, done in by_condition.items():
        points, training, command = (
            statistics.median(getattr(one, name) for one in done)
            for name in ("num_points", "train_seconds", "command_seconds")
        )
        ratio = _processor(done) / _processor(by_condition[OFFLINE])
        problems = {one.problem for one in done if one.problem}
        is_kept &= not problems and (ratio <= MAX_RATIO or condition == WITHOUT)
        words = "; ".join(problems) or done[0].recorded
        numbers = f"{len(done)} | {points:.0f} | {training:.1f} | {command:.1f} | {ratio:.3f}"
        print(f"| {condition} | {numbers} | {words[:150]} |")
    return is_kept


def _processor(trials: Sequence[Trial]) -> float:
    return statistics.median(one.processor_seconds for one in trials)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trial; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.comet_faults", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--outputs", type=Path, default=Path(tempfile.gettempdir()) / "musicgen-comet-faults")
    parser.add_argument(
        "--faults", nargs="+", choices=CONDITIONS[2:], default=CONDITIONS[2:], metavar="FAULT"
    )
    parser.add_argument("--summary", action="store_true", help="only summarise the results in DIR")
    parsed = parser.parse_args(arguments)
    parsed.outputs.mkdir(parents=True, exist_ok=True)
    results = parsed.outputs / "results.csv"
    known = read_rows(results, Trial) if results.exists() else []
    first = 1 + max((trial.round for trial in known), default=0)
    for number in range(first, first if parsed.summary else first + parsed.rounds):
        for condition in (WITHOUT, OFFLINE, *parsed.faults):
            if condition == FULL_DISK and not _can_mount():
                print(f"{FULL_DISK}: skipped, because this process cannot mount a small disk")
                continue
            place = Path(tempfile.mkdtemp(dir=parsed.outputs))
            overrides = (*RUN, "data=file", f"data.path={write_tunebook(parsed.outputs)}")
            append_row(
                results, try_run(condition, number, place / "run", parsed.outputs / "outputs", overrides)
            )
    is_kept = summarise(read_rows(results, Trial))
    print("kept" if is_kept else "NOT KEPT")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
