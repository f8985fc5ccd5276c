"""Runs beside a Comet that fails: what it costs them, what they tell, and what comes through later.

    python -m tests.soak.comet_faults [--rounds 3] [--faults FAULT ...] [--outputs DIR]
    python -m tests.soak.comet_faults --summary --outputs DIR

Each round does the same small run without a tracker, with an archive that nobody sends, and beside each fault
of `comet_server.FAULTS`, a port where nobody listens, a folder for the archive that is none and one on a full
disk (that one where this process may mount one). When the command has ended, the server must not have been
asked anything: so its fault can have cost no time. Beside that stand the seconds of training and of the whole
command, and the seconds of the processor, which say more on a machine that others use. After a fault the
server is well again, and `python -m musicgen.upload` has to bring it every file of the run's archive once and
every value that it holds. DIR/results.csv takes a line a run, so that a trial goes on in pieces.

Exits with 1 if a run was not complete, did not say what happened, or something of it was not sent later; if a
server was asked before the command had ended; or if the median of a fault's processor seconds, as a share of
those of the archive that nobody sends in the same round, is above 1.05.
"""

import argparse
import csv
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
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from musicgen.records.record import RunRecord
from musicgen.run.uploads import LOG_NAME
from tests.soak.comet_server import FAULTS, CometServer, Fault, comet_server
from tests.soak.long_runs import COMMON, write_corpus

WITHOUT, OFFLINE = "without a tracker", "archive that nobody sends"
REFUSES, NO_FOLDER, FULL_DISK = "refuses", "folder is a file", "disk is full"
CONDITIONS = (WITHOUT, OFFLINE, REFUSES, *FAULTS, NO_FOLDER, FULL_DISK)
MOST = 1.05
"""Ratio of times that is promised."""
SECONDS_OF_AN_UPLOAD, SECONDS_OF_HANGING = 60.0, 10.0
"""Time limits of an upload: of most, and of one that only the limit ends."""
SECONDS_FOR_THE_BACKGROUND = 120.0
RUN = (*COMMON, "training.num_iterations=600", "evaluation.num_reference_splits=2", "rendering.num_tunes=2")
BYTES_OF_FULL_DISK = 64 * 1024


@dataclass(frozen=True)
class Trial:
    """A run beside a Comet that fails in one way."""

    round: int
    condition: str
    train_seconds: float
    command_seconds: float
    processor_seconds: float
    """Of the command and the processes that it waited for."""
    num_requests: int
    """That the server had when the command ended."""
    told: str
    """What run.json says of the tracker when the background is done: its error, or its url, or nothing."""
    problem: str
    """What was not as promised; empty where all was."""


def _environment(server: CometServer | None) -> dict[str, str]:
    # A key in the user's home takes no trial online.
    quiet = {"COMET_CONFIG": os.devnull, "OMP_NUM_THREADS": "1"}
    # Comet tries again for up to half a minute, in the background; once tells as much.
    for name in ("GET_OR_ADD_EXPERIMENT_RETRY_TOTAL", "HTTP_SESSION_RETRY_TOTAL"):
        quiet[f"COMET_{name}"] = "1"
    if server is not None:
        quiet |= server.environment
    return {name: value for name, value in os.environ.items() if name != "COMET_API_KEY"} | quiet


def _command(directory: Path, outputs: Path, overrides: Sequence[str], condition: str) -> list[str]:
    limit = SECONDS_OF_HANGING if "hangs" in condition else SECONDS_OF_AN_UPLOAD
    tracker = {WITHOUT: ["tracker=none"], OFFLINE: ["tracker.mode=offline"]}.get(
        condition, ["tracker.mode=auto", f"tracker.upload_timeout_seconds={limit:g}"]
    )
    # A store for each run: it has to train.
    places = [f"paths.outputs={outputs}", f"paths.store={directory}-store", f"hydra.run.dir={directory}"]
    return [sys.executable, "-m", "musicgen.train", *overrides, *tracker, *places]


@contextmanager
def _place(directory: Path, condition: str) -> Iterator[None]:
    """The run's directory, with a folder for archives that takes none if the condition is that."""
    folder = directory / "comet"
    if condition == NO_FOLDER:
        taking = threading.Thread(target=_take_away, args=(folder,))
        taking.start()
        yield
        taking.join()
        # The fault is over.
        folder.unlink()
        return
    if condition != FULL_DISK:
        yield
        return
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={BYTES_OF_FULL_DISK}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def _take_away(folder: Path) -> None:
    """Put a file in the place of the folder, as soon as the run has made it."""
    deadline = time.monotonic() + SECONDS_FOR_THE_BACKGROUND
    while not folder.is_dir() and time.monotonic() < deadline:
        time.sleep(0.01)
    folder.rename(folder.with_name("comet taken away"))
    folder.touch()


def try_run(condition: str, number: int, directory: Path, outputs: Path, overrides: Sequence[str]) -> Trial:
    """One run in a new directory, what it told, and whether Comet gets it once all is well."""
    fault: Fault = FAULTS[FAULTS.index(condition)] if condition in FAULTS else "none"
    with comet_server(fault) as server:
        environment = _environment(None if condition in (WITHOUT, OFFLINE) else server)
        if condition == REFUSES:
            environment["COMET_URL_OVERRIDE"] = f"http://127.0.0.1:{_closed_port()}/clientlib/"
        with _place(directory, condition):
            started, used = time.perf_counter(), _processor_seconds()
            command = _command(directory, outputs, overrides, condition)
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            seconds, used = time.perf_counter() - started, _processor_seconds() - used
            num_requests = server.num_requests
            if done.returncode:
                problem = f"exit status {done.returncode}: {done.stderr}"
                return Trial(number, condition, 0.0, seconds, used, num_requests, "", problem)
            _wait_for_background(directory)
        record = RunRecord.read(directory)
        told = str(record.tracker.get("error") or record.tracker.get("url") or "")
        problem = "" if record.status == "complete" else f"status {record.status}"
        if condition not in (WITHOUT, OFFLINE):
            problem = problem or ("" if told else "run.json does not say what happened")
            server.fault = "none"
            problem = problem or _send_later(directory, server)
    trained = record.timing["train_seconds"]
    return Trial(number, condition, trained, seconds, used, num_requests, told, problem)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return closed.getsockname()[1]


def _wait_for_background(directory: Path) -> None:
    """Until the upload in the background, if there is one, has told of its end."""
    path, deadline = directory / LOG_NAME, time.monotonic() + SECONDS_FOR_THE_BACKGROUND
    while path.exists() and time.monotonic() < deadline:
        text = path.read_text(encoding="utf-8")
        if "not tried" in text or "musicgen: " in text:
            return
        time.sleep(0.1)


def _send_later(directory: Path, server: CometServer) -> str:
    """Send what the run has for Comet with one command; returns what did not come through."""
    command = [sys.executable, "-m", "musicgen.upload", str(directory)]
    done = subprocess.run(command, env=_environment(server), capture_output=True, text=True)
    if done.returncode:
        return f"upload: exit status {done.returncode}: {done.stdout}{done.stderr}"
    if "url" not in RunRecord.read(directory).tracker:
        return "run.json has no url"
    (archive,) = (directory / "comet").glob("*.zip")
    return lacking(archive, server)


def lacking(archive: Path, server: CometServer) -> str:
    """What the server does not have of an archive, or has twice; empty where it has all of it once."""
    experiment = server.experiments[archive.stem.partition("-")[0]]
    with zipfile.ZipFile(archive) as content:
        messages = [json.loads(line) for line in content.read("messages.json").splitlines()]
        uploads = [message["payload"] for message in messages if message["type"] == "file_upload"]
        files = sorted((name_of(upload), content.read(upload["file_path"])) for upload in uploads)
    metrics = sorted(
        (metric["metricName"], str(metric["metricValue"]), metric.get("step"))
        for metric in (
            message["payload"]["metric"] for message in messages if message["type"] == "metric_msg"
        )
    )
    received = sorted((name, str(value), step) for name, value, step in experiment.metrics)
    problems = [
        "" if sorted(experiment.files) == files else "files differ",
        "" if files and metrics else "the archive is empty",
        "" if set(_as_numbers(received)) == set(_as_numbers(metrics)) else "metrics differ",
        "" if experiment.is_ended and experiment.parameters else "parameters or the end are missing",
    ]
    return "; ".join(filter(None, problems))


def name_of(upload: Mapping[str, Any]) -> str:
    """The name of a file in an archive, which is that of a figure where it is a picture."""
    told = upload["additional_params"]
    return str(told.get("fileName") or told.get("figName"))


def _as_numbers(metrics: Sequence[tuple[str, str, int | None]]) -> list[tuple[str, float, int]]:
    return sorted((name, float(value), -1 if step is None else step) for name, value, step in metrics)


def _can_mount() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0


def _read(path: Path) -> list[Trial]:
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Trial(
                int(row["round"]),
                row["condition"],
                float(row["train_seconds"]),
                float(row["command_seconds"]),
                float(row["processor_seconds"]),
                int(row["num_requests"]),
                row["told"],
                row["problem"],
            )
            for row in csv.DictReader(file)
        ]


def _append(trial: Trial, path: Path) -> None:
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Trial)])
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(trial))


def summarise(trials: Sequence[Trial]) -> bool:
    """Print a line for each condition; returns whether all was as promised."""
    rounds: dict[int, dict[str, Trial]] = defaultdict(dict)
    for trial in trials:
        rounds[trial.round][trial.condition] = trial
    is_kept = True
    print("| condition | runs | requests | training, s | command, s | processor, share | run.json says |")
    print("|---|---|---|---|---|---|---|")
    for condition in dict.fromkeys(trial.condition for trial in trials):
        pairs = [(each[condition], each) for each in rounds.values() if condition in each]
        training = statistics.median(one.train_seconds for one, _ in pairs)
        command = statistics.median(one.command_seconds for one, _ in pairs)
        ratio = statistics.median(
            one.processor_seconds / each[OFFLINE].processor_seconds for one, each in pairs
        )
        requests = sum(one.num_requests for one, _ in pairs)
        problems = {one.problem for one, _ in pairs if one.problem}
        is_kept &= not problems and ratio <= MOST and not requests
        told = "; ".join(problems) or pairs[0][0].told
        numbers = f"{len(pairs)} | {requests} | {training:.1f} | {command:.1f} | {ratio:.3f}"
        print(f"| {condition} | {numbers} | {told[:150]} |")
    return is_kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trial; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.comet_faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--outputs", type=Path, default=Path(tempfile.gettempdir()) / "musicgen-comet-faults")
    parser.add_argument(
        "--faults", nargs="+", choices=CONDITIONS[2:], default=CONDITIONS[2:], metavar="FAULT"
    )
    parser.add_argument("--summary", action="store_true", help="only tell what DIR holds")
    parsed = parser.parse_args(arguments)
    parsed.outputs.mkdir(parents=True, exist_ok=True)
    results = parsed.outputs / "results.csv"
    first = 1 + max((trial.round for trial in _read(results)), default=0) if results.exists() else 1
    for number in range(first, first if parsed.summary else first + parsed.rounds):
        for condition in (WITHOUT, OFFLINE, *parsed.faults):
            if condition == FULL_DISK and not _can_mount():
                print(f"{FULL_DISK}: left out, this process cannot mount a small disk")
                continue
            place = Path(tempfile.mkdtemp(dir=parsed.outputs))
            corpus = write_corpus(parsed.outputs / "corpus.abc")
            overrides = (*RUN, "data=file", f"data.path={corpus}")
            _append(try_run(condition, number, place / "run", parsed.outputs / "outputs", overrides), results)
    is_kept = summarise(_read(results))
    print("kept" if is_kept else "NOT KEPT")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
