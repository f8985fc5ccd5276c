"""Locks between processes, and words for who holds them.

No result depends on a lock: it only keeps two processes from doing the same work at once. The operating
system takes a lock from a process that dies, however it dies. Whoever holds one writes into the file who it
is, for those who wait.
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
SECONDS_BEFORE_WORDS = 1.0
"""Of waiting; most waits are over by then."""
SECONDS_BETWEEN_WORDS = 600.0
WITHOUT_LOCKS = "paths.locks=false does without them"
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""What the system says where a file system has no locks."""


def take_lock(path: Path, *, without: str = WITHOUT_LOCKS) -> BaseFileLock | None:
    """Lock the file; None where another process has it locked.

    Raises InputError on a file system without locks; its line ends in `without`, which says what to do there.
    """
    # Files that stand for locks, which filelock would use instead, stay when their process is killed.
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
    _say_who_holds(path)
    return lock


def is_locked(path: Path) -> bool:
    """Whether another process has the file locked just now; false where that cannot be found out."""
    if not path.exists():
        return False
    try:
        lock = take_lock(path)
    except (OSError, InputError):
        return False
    if lock is not None:
        lock.release()
    return lock is None


def wait_for_lock(
    path: Path, on_wait: Callable[[str], None] = log.warning, *, without: str = WITHOUT_LOCKS
) -> BaseFileLock:
    """Lock the file as soon as no other process has it locked; raises InputError like `take_lock`.

    on_wait hears for whom this one waits: see `wait_until`.
    """
    return wait_until(lambda: take_lock(path, without=without), lambda: words_on_holder(path), on_wait)


def wait_until(
    take: Callable[[], Value | None], words: Callable[[], str], on_wait: Callable[[str], None] = log.warning
) -> Value:
    """Try again and again until `take` gives something; a signal ends the wait at once.

    on_wait hears the words after a second, then every ten minutes.
    """
    words_due = time.monotonic() + SECONDS_BEFORE_WORDS
    while (taken := take()) is None:
        if time.monotonic() >= words_due:
            on_wait(words())
            words_due = time.monotonic() + SECONDS_BETWEEN_WORDS
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
    """Run the body while no other process has the file locked; on_wait as in `wait_for_lock`.

    With `locks` false the body runs at once. Raises InputError like `take_lock`.
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
    """The hidden file that stands for the lock of a file."""
    return path.with_name(f".{path.name}.lock")


def words_on_holder(path: Path) -> str:
    """For whom one waits who wants the lock: process, machine, since when, and whether it is suspended."""
    unknown = f"waiting for another process, which has locked {path}"
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        process, host, since = int(note["process"]), str(note["host"]), str(note["since"])
    except (OSError, ValueError, TypeError, KeyError):
        return unknown
    state = _state_of(process) if host == platform.node() else None
    if state == "":
        # Whoever wrote this is gone, and the next one has not written yet.
        return unknown
    words = f"waiting for process {process} on {host}, which has locked {path} since {since}"
    return f"{words}; it is suspended: `kill -CONT {process}` lets it go on" if state in ("T", "t") else words


def _say_who_holds(path: Path) -> None:
    note = {
        "process": os.getpid(),
        "host": platform.node(),
        "since": datetime.now(UTC).isoformat(" ", "seconds"),
    }
    # A lock whose holder cannot say who it is, on a full disk for instance, is as good a lock.
    with suppress(OSError):
        path.write_text(json.dumps(note) + "\n", encoding="utf-8")


def _state_of(process: int) -> str | None:
    """The letter by which Linux tells what a process does; "" if there is none, None where nobody tells."""
    processes = Path("/proc")
    if not (processes / "self" / "stat").exists():
        return None
    try:
        # Behind its name, which stands in brackets and may hold any sign.
        return (processes / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
