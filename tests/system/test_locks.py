"""Locks, file systems without locks, and what a waiting process reports."""

import errno
import fcntl
import json
import multiprocessing
import os
import platform
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.system import locks
from musicgen.system.locks import describe_holder, locked, take_lock, wait_for_lock, wait_until
from tests.processes import wait_for


def without_locks(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOLCK) -> None:
    """Let the system answer as it does on a file system without locks."""

    def refuse(_file: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


def hold(path: Path, report: Path) -> None:
    with locked(path):
        report.touch()
        signal.pause()


@contextmanager
def held(path: Path) -> Iterator[int]:
    """Let another process hold the lock; gives its number."""
    report = path.with_name("held")
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(path, report))
    process.start()
    wait_for(report)
    assert process.pid is not None
    try:
        yield process.pid
    finally:
        process.kill()
        process.join()


def test_a_waiting_process_names_the_holder_and_outlives_it(tmp_path: Path) -> None:
    path = tmp_path / "value.lock"
    words: list[str] = []
    with held(path) as process:
        assert take_lock(path) is None

        def hear(said: str) -> None:
            words.append(said)
            os.kill(process, signal.SIGKILL)

        wait_for_lock(path, hear).release()
    (said,) = words
    assert said.startswith(
        f"waiting for process {process} on {platform.node()}, which has locked {path} since 20"
    )
    assert "suspended" not in said
    note = json.loads(path.read_text())
    assert note["process"] == os.getpid(), "the next one says who it is"


def test_a_suspended_holder_is_named_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "value.lock"
    with held(path) as process:
        os.kill(process, signal.SIGSTOP)
        words: list[str] = []

        def hear(said: str) -> None:
            words.append(said)
            os.kill(process, signal.SIGKILL)

        wait_for_lock(path, hear).release()
    assert words[0].endswith(f"; it is suspended: resume it with `kill -CONT {process}`")


def test_a_signal_ends_the_wait_at_once(tmp_path: Path) -> None:
    path = tmp_path / "value.lock"

    def interrupt(_: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with held(path), pytest.raises(KeyboardInterrupt), locked(path, interrupt):
        pass


def test_it_is_said_again_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, reported_at = [0.0], []
    monkeypatch.setattr(locks.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(locks.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    wait_until(
        lambda: True if clock[0] > 1500 else None, lambda: "", lambda _: reported_at.append(round(clock[0]))
    )
    assert reported_at == [1, 601, 1201]


@pytest.mark.parametrize(
    "content",
    ["", "no JSON", "[1]", '{"process": 1}', '{"process": "one", "host": "a", "since": "b"}', "\x00" * 100],
)
def test_a_lock_file_with_foreign_content_still_locks(content: str, tmp_path: Path) -> None:
    path = tmp_path / "value.lock"
    path.write_text(content)
    assert describe_holder(path) == f"waiting for another process that has locked {path}"
    lock = take_lock(path)
    assert lock is not None and f"process {os.getpid()} on" in describe_holder(path)
    lock.release()


def test_a_note_of_an_ended_process_names_no_holder(tmp_path: Path) -> None:
    path = tmp_path / "value.lock"
    process = multiprocessing.get_context("spawn").Process(target=int)
    process.start()
    process.join()
    note = {"process": process.pid, "host": platform.node(), "since": "2026-11-26 06:30:00+00:00"}
    path.write_text(json.dumps(note))
    assert describe_holder(path) == f"waiting for another process that has locked {path}"
    path.write_text(json.dumps(note | {"host": "elsewhere"}))
    assert describe_holder(path) == (
        f"waiting for process {process.pid} on elsewhere, which has locked {path} since {note['since']}"
    )


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_one_clear_line(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locks(monkeypatch, number)
    with pytest.raises(
        InputError, match=r"has no locks \(.*\); set paths\.locks=false to run without locks$"
    ):
        take_lock(tmp_path / ".lock")
    with pytest.raises(InputError), locked(tmp_path / ".lock"):
        pass
    with locked(tmp_path / ".lock", locks=False):
        pass


def test_other_file_system_errors_are_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_locks(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        take_lock(tmp_path / ".lock")
