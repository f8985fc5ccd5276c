"""When the machine has no process or thread left, there is one line, and nothing stays open."""

import errno
import gc
import multiprocessing
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from matplotlib.figure import Figure

from musicgen.effects.figures.draw import draw_on_all_cores
from musicgen.metrics.tunes import read_tunes
from musicgen.rendering.isolated import IsolatedProgram
from musicgen.sweep import job_process
from musicgen.system import cores
from musicgen.system.commands import exit_status
from musicgen.system.limits import starting_threads
from musicgen.tracking.history import HistoryFile
from musicgen.tracking.outbox import send_all
from tests.full_disk import files_end_at
from tests.tracking.test_outbox import write_archive

REASON = os.strerror(errno.EAGAIN)
JOB: Any = None


def no_process(*_: object, **__: object) -> NoReturn:
    raise BlockingIOError(errno.EAGAIN, REASON)


def no_thread(*_: object) -> NoReturn:
    raise RuntimeError("can't start new thread")


def open_files() -> list[str]:
    gc.collect()
    return sorted(str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())


@pytest.fixture(params=["process", "thread"])
def exhausted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What there is none of."""
    if request.param == "process":
        monkeypatch.setattr(subprocess.Popen, "_execute_child", no_process)
    else:
        monkeypatch.setattr(threading.Thread, "start", no_thread)
    return request.param


def start_program() -> None:
    IsolatedProgram(Path("program.py"), memory_bytes=2**30)


def run_abc2midi() -> None:
    read_tunes(["X:1\nK:C\nCDEF|\n"], runs_abc2midi=True)


@pytest.mark.parametrize("command", [start_program, run_abc2midi])
def test_a_command_ends_with_one_line(
    command: Callable[[], None], exhausted: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = open_files()
    assert exit_status(command) == 1
    assert open_files() == before
    error = capfd.readouterr().err
    assert error.startswith("musicgen: ") and error.count("\n") == 1
    assert (REASON if exhausted == "process" else "can't start new thread") in error


@pytest.mark.parametrize("part", ["Pipe", "Process"])
def test_a_job_that_cannot_start_leaves_no_file(
    part: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(job_process.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(job_process.context, part, no_process)
    before = open_files()
    with pytest.raises(BlockingIOError):
        job_process.JobProcess(JOB)
    assert open_files() == before and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("num_started", [0, 1])
def test_figures_are_drawn_without_processes(
    num_started: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fork = os.fork
    started: list[int] = []

    def few() -> int:
        if len(started) == num_started:
            no_process()
        started.append(fork())
        return started[-1]

    monkeypatch.setattr(cores, "num_cores", lambda: 3)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(os, "fork", few)
    paths = draw_on_all_cores(dict.fromkeys("abc", Figure), tmp_path)
    assert [path.name for path in paths] == [f"{name}.{end}" for name in "abc" for end in ("svg", "png")]
    assert all(path.is_file() for path in paths)
    assert len(started) == num_started and not multiprocessing.active_children()


def test_an_upload_that_cannot_start_is_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "run", "first")
    monkeypatch.setattr(subprocess.Popen, "_execute_child", no_process)
    (upload,) = send_all([archive], 1.0)
    assert (upload.state, upload.error) == ("not sent", f"the sending process cannot be started: {REASON}")


def test_a_history_without_room_for_its_header_is_closed(tmp_path: Path) -> None:
    before = open_files()
    with pytest.raises(OSError, match=r"history\.csv"), files_end_at(5):
        HistoryFile(tmp_path / "history.csv")
    assert open_files() == before


def test_a_lack_of_threads_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match="can't start new thread") as caught, starting_threads():
        no_thread()
    assert caught.value.errno == errno.EAGAIN
