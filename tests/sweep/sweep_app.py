"""A program whose jobs behave well or badly: `python -m tests.sweep.sweep_app --multirun what=value,raise`.

It prints a line of JSON for each job when all have ended.
"""

import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig

from musicgen.config import Config, compose_config
from musicgen.errors import InputError
from musicgen.sweep import fork_server, job_queue
from musicgen.sweep.job_queue import QueuedJob
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.system.interruption import listen_for_interruption
from musicgen.training.outcome import Record, TrainingInterrupted
from musicgen.training.progress import (
    WAITING_FOR_REFERENCE,
    WAITING_TO_TRAIN,
    TrainingProgress,
    report_stage,
    report_waiting,
)

log = logging.getLogger(__name__)


class Stubborn(Exception):
    """Cannot be pickled, and the launcher does not know its class."""

    def __init__(self, first: object, second: object) -> None:
        super().__init__("stubborn\nas a mule")
        self.first, self.second = first, second


class PrintingSweeper(Sweeper):
    """Every value of `what` is a job; prints how each ended."""

    typed: Config

    def setup(self, *, hydra_context: Any, task_function: Any, config: DictConfig) -> None:
        self.config, self.loader = config, hydra_context.config_loader
        job_queue.SECONDS_OF_PAUSES = (0.1,) * config.pauses
        self.launcher = Plugins.instance().instantiate_launcher(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> None:
        (swept,) = (text.removeprefix("what=") for text in arguments if text.startswith("what="))
        common = [text for text in arguments if not text.startswith("what=")]
        assert isinstance(self.launcher, ProcessLauncher)
        jobs = {}
        for number, what in enumerate(swept.split(",")):
            overrides = [*common, f"what={what}"]
            follows = number - 1 if what == "follows" else None
            jobs[number] = QueuedJob(overrides, partial(self.configs_of, overrides), follows)
        for job in self.launcher.run(jobs):
            error = None if job.status is JobStatus.COMPLETED else job._return_value
            ending = {
                "overrides": job.overrides,
                "value": None if error else job.return_value,
                "error": error and str(error),
                "error_class": error and error.error_class,
                "launcher_has_torch": "torch" in sys.modules,
            }
            print(json.dumps(ending))

    def configs_of(self, overrides: list[str]) -> tuple[DictConfig, Config]:
        composed = self.loader.load_sweep_config(self.config, overrides)
        return composed, replace(self.typed, device=composed.device)


def do(composed: DictConfig, config: Config | None = None) -> float | None:
    """One job."""
    folder, what = Path(composed.folder), composed.what
    (folder / f"{what}.pid").write_text(str(os.getpid()))
    print("a line on stdout")
    log.info("a line in the log")
    match what:
        case "raise":
            raise KeyError("no such thing")
        case "bad_input":
            raise InputError("data.path=none.abc: no such file or folder")
        case "stubborn":
            raise Stubborn(lambda: None, log)
        case "no_memory":
            raise MemoryError
        case "exit":
            print("\x1b[31mlast words\x1b[0m", file=sys.stderr)
            sys.exit(3)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crash":
            ctypes.string_at(0)
        case "nothing":
            return None
        case "train":
            _train(folder)
        case "hang":
            _hang(folder)
        case "meet_1" | "meet_2":
            _meet(folder / ("meet_2.pid" if what == "meet_1" else "meet_1.pid"))
        case "trains_and_stays":
            report_waiting(WAITING_TO_TRAIN, "waiting for another training")
            time.sleep(0.5)
            with TrainingProgress(1) as progress:
                time.sleep(1)
                progress.record(Record(1, 2.0, 2.5, 0.1, 1e4))
                (folder / "trained").touch()
            report_stage("sampling")
            _meet(folder / "follows.pid")
        case "follows":
            assert (folder / "trained").exists(), "started before there was anything to resume from"
        case "crowded":
            _need_room(folder)
        case "company":
            _meet(folder / "tried")
            (folder / "room").touch()
        case "threads":
            _start_threads(folder)
        case "waits" | "waits_too":
            report_waiting(WAITING_FOR_REFERENCE, "waiting for another process")
            _meet(folder / "value.pid")
    return composed.number / 4


def _need_room(folder: Path) -> None:
    """Fail as if the system had no thread left, until the job that runs at the same time has ended."""
    if not (folder / "tried").exists():
        _meet(folder / "company.pid")
        (folder / "tried").touch()
    if not (folder / "room").exists():
        raise RuntimeError("can't start new thread")


def _start_threads(folder: Path) -> None:
    """Start a few threads once the test has let the machine run out of them."""
    (folder / "wants_threads").touch()
    _meet(folder / "full")
    may_end = threading.Event()
    threads = [threading.Thread(target=may_end.wait, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    may_end.set()


def _train(folder: Path) -> None:
    """Train until interrupted, then save, as a real training does."""
    with listen_for_interruption() as interruption, TrainingProgress(1000) as progress:
        for iteration in range(1, 1000):
            progress.record(Record(iteration, 2.0, 2.5 if iteration % 2 else None, 0.1, 1e4))
            (folder / "trains").touch()
            time.sleep(0.02)
            if interruption.requested:
                # A second signal would arrive during this and end it unsaved.
                time.sleep(0.7)
                (folder / "saved").touch()
                raise TrainingInterrupted(iteration)
    report_stage("sampling")


def _hang(folder: Path) -> None:
    """Start a process, and never end on a signal, and neither does that process."""
    helper = subprocess.Popen(["sleep", "300"])
    (folder / "helper.pid").write_text(str(helper.pid))
    while True:
        try:
            (folder / "hangs").touch()
            time.sleep(60)
        except KeyboardInterrupt:
            (folder / "interrupted").touch()


def _meet(other: Path) -> None:
    """Return once another job has created the file."""
    deadline = time.monotonic() + 120
    while not other.exists():
        assert time.monotonic() < deadline, f"{other.name} did not appear"
        time.sleep(0.01)


VALUES = {
    "defaults": [
        "_self_",
        {"override hydra/launcher": "local"},
        {"override hydra/sweeper": "printing"},
    ],
    "what": "value",
    "number": 1,
    "folder": "???",
    "device": "cpu",
    "pauses": 2,
    "hydra": {
        "sweep": {"dir": "${folder}/sweep", "subdir": "${hydra.job.num}-${what}"},
        "job": {"name": "sweep_app"},
    },
}


def main() -> None:
    fork_server.PRELOADED = ()
    PrintingSweeper.typed = compose_config(["data=file", "data.path=none.abc", "training.num_threads=1"])
    for plugin in (PrintingSweeper, ProcessLauncher):
        Plugins.instance().register(plugin)
    store = ConfigStore.instance()
    store.store(name="sweep_app", node=VALUES)
    node = {"_target_": "musicgen.sweep.launcher.ProcessLauncher", "num_jobs": None}
    store.store("local", node, group="hydra/launcher")
    store.store(group="hydra/sweeper", name="printing", node={"_target_": f"{__name__}.PrintingSweeper"})
    hydra.main(config_name="sweep_app")(do)()


if __name__ == "__main__":
    main()
