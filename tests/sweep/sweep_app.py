"""A program whose jobs behave well or badly: `python -m tests.sweep.sweep_app --multirun what=value,raise`.

It prints one line of JSON for each job when all are over.
"""

import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig

from musicgen.errors import InputError
from musicgen.sweep import fork_server
from musicgen.sweep.launcher import ProcessLauncher, Program, register
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
    """Cannot be pickled, and its class is unknown to whoever launches."""

    def __init__(self, first: object, second: object) -> None:
        super().__init__("stubborn\nas a mule")
        self.first, self.second = first, second


class TellingSweeper(Sweeper):
    """Every value of `what` is a job; tells how each ended."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: DictConfig) -> None:
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> None:
        (swept,) = (text.removeprefix("what=") for text in arguments if text.startswith("what="))
        common = [text for text in arguments if not text.startswith("what=")]
        assert isinstance(self.launcher, ProcessLauncher)
        names = swept.split(",")
        follows = {number: number - 1 for number, what in enumerate(names) if what.startswith("goes_on")}
        returns = self.launcher.launch([[*common, f"what={what}"] for what in names], 0, follows)
        for job in returns:
            error = None if job.status is JobStatus.COMPLETED else job._return_value
            told = {
                "overrides": job.overrides,
                "value": None if error else job.return_value,
                "error": error and str(error),
                "error_class": error and error.error_class,
                "launcher_has_torch": "torch" in sys.modules,
            }
            print(json.dumps(told))


def do(config: DictConfig) -> float | None:
    """One job."""
    folder = Path(config.folder)
    (folder / f"{config.what}.pid").write_text(str(os.getpid()))
    print("a line on stdout")
    log.info("a line in the log")
    match config.what:
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
        case "slow" | "slow_too":
            started = time.monotonic()
            time.sleep(0.3)
            (folder / config.what).write_text(f"{started} {time.monotonic()}")
        case "train":
            _train(folder)
        case "hang":
            _hang(folder)
        case "meet_1" | "meet_2":
            _meet(folder / ("meet_2.pid" if config.what == "meet_1" else "meet_1.pid"))
        case "trains_and_stays":
            report_waiting(WAITING_TO_TRAIN, "waiting for another training")
            time.sleep(0.5)
            with TrainingProgress(1) as progress:
                time.sleep(1)
                progress.record(Record(1, 2.0, 2.5, 0.1, 1e4))
                (folder / "trained").touch()
            report_stage("sampling")
            _meet(folder / "goes_on.pid")
        case "goes_on":
            assert (folder / "trained").exists(), "started before there was anything to go on from"
        case "crowded":
            _need_room(folder)
        case "company":
            _meet(folder / "tried")
            time.sleep(0.5)
            (folder / "room").touch()
        case "waits" | "waits_too":
            report_waiting(WAITING_FOR_REFERENCE, "waiting for another process")
            _meet(folder / "value.pid")
    return config.number / 4


def _need_room(folder: Path) -> None:
    """End as if the system had no thread left, until the job that runs at the same time has ended."""
    if not (folder / "tried").exists():
        _meet(folder / "company.pid")
        (folder / "tried").touch()
    if not (folder / "room").exists():
        raise RuntimeError("can't start new thread")


def _train(folder: Path) -> None:
    """Train until somebody asks for the end, like a training that saves its state then."""
    with listen_for_interruption() as interruption, TrainingProgress(1000) as progress:
        for iteration in range(1, 1000):
            progress.record(Record(iteration, 2.0, 2.5 if iteration % 2 else None, 0.1, 1e4))
            (folder / "trains").touch()
            time.sleep(0.02)
            if interruption.requested:
                # A second wish would fall into this and end it.
                time.sleep(0.7)
                (folder / "saved").touch()
                raise TrainingInterrupted(iteration)
    report_stage("sampling")


def _hang(folder: Path) -> None:
    """Never end, whatever the signal, and neither does what this starts."""
    helper = subprocess.Popen(["sleep", "300"])
    (folder / "helper.pid").write_text(str(helper.pid))
    while True:
        try:
            (folder / "hangs").touch()
            time.sleep(60)
        except KeyboardInterrupt:
            (folder / "deaf").touch()


def _meet(other: Path) -> None:
    """End only when the other one is here too."""
    deadline = time.monotonic() + 10
    while not other.exists():
        assert time.monotonic() < deadline, "nobody came"
        time.sleep(0.01)


VALUES = {
    "defaults": [
        "_self_",
        {"override hydra/launcher": "local"},
        {"override hydra/sweeper": "telling"},
    ],
    "what": "value",
    "number": 1,
    "folder": "???",
    "device": "cpu",
    "hydra": {
        "sweep": {"dir": "${folder}/sweep-with-${what}", "subdir": "${hydra.job.num}-${what}"},
        "job": {"name": "sweep_app"},
    },
}


def main() -> None:
    fork_server.PRELOADED = ()
    register(Program(threads_of=lambda config: 1, finds_cuda=lambda: True))
    Plugins.instance().register(TellingSweeper)
    store = ConfigStore.instance()
    store.store(name="sweep_app", node=VALUES)
    node = {"_target_": "musicgen.sweep.launcher.ProcessLauncher", "num_jobs": None}
    store.store("local", node, group="hydra/launcher")
    store.store(group="hydra/sweeper", name="telling", node={"_target_": f"{__name__}.TellingSweeper"})
    hydra.main(config_name="sweep_app")(do)()


if __name__ == "__main__":
    main()
