"""Locks between processes, and who holds them.

No result depends on a lock: it only keeps two processes from doing the same work at once. The operating
system releases a lock when its process dies. The holder writes its process, host and time into the file so
that a waiting process can report them.
"""

import errno
import json
import logging
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from filelock import BaseFileLock, FileLock, Timeout

from musicgen.errors import InputError

log = logging.getLogger(__name__)
Value = TypeVar("Value")

SECONDS_BETWEEN_TRIES = 0.1
SECONDS_BEFORE_REPORT = 1.0
"""Most waits are shorter, and not worth a line."""
SECONDS_BETWEEN_REPORTS = 600.0
WITHOUT_LOCKS = "set paths.locks=false to run without locks"
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def take_lock(path: Path, *, without: str = WITHOUT_LOCKS) -> BaseFileLock | None:
    """Lock the file, or return None if another process holds the lock.

    Raises InputError on a file system without locks; `without` says what to do about it.
    """
    # filelock's fallback, a marker file, would outlive a killed process.
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise InputError(
                f"{path.parent}: this file system has no locks ({error.strerror}); {without}"
            ) from error
        raise
    _write_holder(path)
    return lock


def wait_for_lock(
    path: Path, on_wait: Callable[[str], None] = log.warning, *, without: str = WITHOUT_LOCKS
) -> BaseFileLock:
    """Wait until the file can be locked; raises InputError like `take_lock`.

    on_wait is called with a line about the holder: see `wait_until`.
    """
    return wait_until(lambda: take_lock(path, without=without), lambda: describe_holder(path), on_wait)


def wait_until(
    take: Callable[[], Value | None],
    describe: Callable[[], str],
    on_wait: Callable[[str], None] = log.warning,
) -> Value:
    """Call `take` until it returns a value; a signal ends the wait at once.

    on_wait is called with the description after a second, then every ten minutes.
    """
    report_due = time.monotonic() + SECONDS_BEFORE_REPORT
    while (taken := take()) is None:
        if time.monotonic() >= report_due:
            on_wait(describe())
            report_due = time.monotonic() + SECONDS_BETWEEN_REPORTS
        time.sleep(SECONDS_BETWEEN_TRIES)
    return taken


@contextmanager
def locked(
    path: Path,
    on_wait: Callable[[str], None] = log.warning,
    *,
    locks: bool = True,
    without: str = WITHOUT_LOCKS,
) -> Iterator[None]:
    """Run the body while holding the lock; on_wait as in `wait_for_lock`.

    With `locks=False` the body runs at once. Raises InputError like `take_lock`.
    """
    if not locks:
        yield
        return
    lock = wait_for_lock(path, on_wait, without=without)
    try:
        yield
    finally:
        lock.release()


def lock_beside(path: Path) -> Path:
    """Return the path of the hidden lock file that belongs to a file."""
    return path.with_name(f".{path.name}.lock")


def describe_holder(path: Path) -> str:
    """Describe the holder of a lock in a line: process, host, since when, and whether it is suspended."""
    unknown = f"waiting for another process that has locked {path}"
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        process, host, since = int(note["process"]), str(note["host"]), str(note["since"])
    except (OSError, ValueError, TypeError, KeyError):
        return unknown
    state = _state_of(process) if host == platform.node() else None
    if state == "":
        # The process that wrote this has ended, and the next holder has not written yet.
        return unknown
    line = f"waiting for process {process} on {host}, which has locked {path} since {since}"
    return f"{line}; it is suspended: resume it with `kill -CONT {process}`" if state in ("T", "t") else line


def _write_holder(path: Path) -> None:
    note = {
        "process": os.getpid(),
        "host": platform.node(),
        "since": datetime.now(UTC).isoformat(" ", "seconds"),
    }
    # The lock holds even if the note cannot be written, for example on a full disk.
    with suppress(OSError):
        path.write_text(json.dumps(note) + "\n", encoding="utf-8")


def _state_of(process: int) -> str | None:
    """Return Linux's one-letter state of a process; "" if there is no such process, None on other systems."""
    processes = Path("/proc")
    if not (processes / "self" / "stat").exists():
        return None
    try:
        # The state follows the name, which is in brackets and may contain any character.
        return (processes / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
