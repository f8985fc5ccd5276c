"""Files that a reader never sees half-written, locks, and the code that what the files hold depends on.

No result depends on a lock: it only keeps two processes from doing the same work at once.
"""

import errno
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

from filelock import BaseFileLock, FileLock, Timeout

from musicgen.errors import InputError

_UNFINISHED = ".unfinished-"
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""What the system says where a file system has no locks."""
Value = TypeVar("Value")
FOLDER_NAME = r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,99}$"
"""A pattern of names that stay in the folder that they are put into."""


@contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, which takes its name when the block ends well.

    The temporary name keeps the suffix, since writers choose a format by it. If the block raises, the
    temporary file is removed and an older `path` stays as it was.
    """
    temporary = path.with_name(f"{_UNFINISHED}{path.stem}-{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process left of files that it was writing; nobody else may be writing there."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        path.unlink(missing_ok=True)


def write_text_atomically(path: Path, text: str) -> None:
    """Write UTF-8 text with `\\n` line ends, whole or not at all."""
    with replace_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def take_lock(path: Path, *, waits: bool) -> BaseFileLock | None:
    """Lock the file; None where another process has it locked and `waits` is false.

    The operating system takes the lock from a process that dies, however it dies. Raises InputError on a file
    system without locks.
    """
    # Files that stand for locks, which filelock would use instead, stay when their process is killed.
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=-1 if waits else 0)
    except Timeout:
        return None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise InputError(
                f"{path.parent}: this file system has no locks ({error.strerror}); paths.locks=false does "
                "without them"
            ) from error
        raise
    return lock


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] = lambda: None, *, locks: bool = True) -> Iterator[None]:
    """Run the body while no other process has the file locked; on_wait is called where one has it first.

    With `locks` false the body runs at once. Raises InputError like `take_lock`.
    """
    if not locks:
        yield
        return
    lock = take_lock(path, waits=False)
    if lock is None:
        on_wait()
        lock = take_lock(path, waits=True)
    assert lock is not None
    try:
        yield
    finally:
        lock.release()


def computed_once(
    path: Path,
    read: Callable[[str], Value],
    compute: Callable[[], Value],
    write: Callable[[Value], str],
    on_wait: Callable[[], None] = lambda: None,
    *,
    locks: bool = True,
) -> Value:
    """What `read` makes of the file's text, else what `compute` gives, kept there as `write` puts it.

    A file that `read` refuses with ValueError, TypeError or KeyError is computed anew. Of several processes
    that need it, one computes it; on_wait is called where that is another one. Without locks several may.
    """

    def known() -> Value | None:
        try:
            return read(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    value = known()
    if value is not None:
        return value
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock"), on_wait, locks=locks):
        value = known()
        if value is None:
            value = compute()
            write_text_atomically(path, write(value))
        return value


@cache
def source_code(package: Path) -> bytes:
    """The code of a package. What it works out is kept on disk only as long as the code stays the same."""
    return b"".join(path.read_bytes() for path in sorted(package.glob("*.py")))


def read_whole(path: Path, most_bytes: int) -> bytes:
    """The bytes of a file that others may have made.

    Raises InputError for a file of more than `most_bytes`, and for what is no file: a FIFO or a device may
    never come to an end. Raises OSError like open().
    """
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InputError(f"{path}: is no file")
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise InputError(f"{path}: is larger than {most_bytes / 2**20:,.0f} MiB, the most that is read of it")
    return content


def _open_at_once(path: str, flags: int) -> int:
    # Opening a FIFO waits for somebody who writes into it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
