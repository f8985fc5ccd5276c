"""Files that a reader never sees half-written, and the code that what the files hold depends on."""

import errno
import glob
import io
import logging
import os
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import TypeVar

from filelock import BaseFileLock

from musicgen.errors import InputError
from musicgen.locks import is_locked, locked, take_lock

log = logging.getLogger(__name__)

_UNFINISHED = ".unfinished-"
_TEMPORARY_FOLDER = re.compile(rf"{re.escape(_UNFINISHED)}.*-[0-9a-f]{{12}}(\.[^.]+)?")
_LOCK = ".lock"
"""Of a temporary folder."""
Value = TypeVar("Value")
FOLDER_NAME = r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,99}$"
"""A pattern of names that stay in the folder that they are put into."""


@contextmanager
def replace_atomically(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a temporary path beside `path`, which takes its name when the block ends well.

    The temporary name keeps the suffix, since writers choose a format by it. If the block raises, the
    temporary file is removed and an older `path` stays as it was. OSErrors are named: see `naming`.

    durable: the file is on the disk when this returns, and a power cut leaves it or the older one. What is
    only kept to save time goes without: see `keep`.
    """
    temporary = _unfinished(path)
    try:
        with naming(path):
            yield temporary
            if durable:
                flush_to_disk(temporary)
            temporary.replace(path)
            if durable:
                _flush_names(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Raise what the system says of a file with its name, where it does not say it, as of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


@contextmanager
def filled_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder, which becomes `path` when the block ends well.

    Where `path` is a folder already its other files stay, and the new ones go into it one by one: those of
    folders below first, then in the order in which they were written. If the block raises, nothing changes.
    """
    path = path.absolute()
    with unfinished_folder(path) as temporary:
        yield temporary
        if path.is_dir():
            move_files(temporary, path, files_below(temporary))
        else:
            remove_file(temporary / _LOCK)
            temporary.replace(path)
            _flush_names(path.parent)


@contextmanager
def unfinished_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, on the same disk, and remove it when the block ends.

    What killed processes left of theirs goes first: a process holds a lock in its own as long as it lives.
    OSErrors name the file as if it lay in `path`.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    is_there = path.is_dir()
    # What a kill leaves had better lie beside it, unless that is another disk or somebody else's.
    is_apart = is_there and path.stat().st_dev != path.parent.stat().st_dev
    is_inside = is_there and (is_apart or not os.access(path.parent, os.W_OK))
    place = path / "folder" if is_inside else path
    for left in place.parent.glob(f"{_UNFINISHED}{glob.escape(place.stem)}-*"):
        _remove_if_abandoned(left)
    temporary, lock = _make_locked_folder(place)
    try:
        yield temporary
    except OSError as error:
        if error.filename is None or error.errno is None:
            raise
        final = str(error.filename).replace(str(temporary), str(path))
        raise OSError(error.errno, error.strerror, final) from error
    finally:
        if lock is not None:
            lock.release()
        shutil.rmtree(temporary, ignore_errors=True)


def _make_locked_folder(place: Path) -> tuple[Path, BaseFileLock | None]:
    """A new temporary folder with its lock; None on a file system without locks."""
    while True:
        temporary = _unfinished(place)
        temporary.mkdir()
        try:
            lock = take_lock(temporary / _LOCK)
        except InputError:
            (temporary / _LOCK).touch()
            return temporary, None
        except FileNotFoundError:
            continue
        # Another process may have taken it for abandoned before it was locked.
        if lock is not None and (temporary / _LOCK).exists():
            return temporary, lock


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a temporary folder of ours whose process is dead."""
    if folder.is_symlink() or not folder.is_dir() or not _TEMPORARY_FOLDER.fullmatch(folder.name):
        return
    with suppress(OSError, InputError):
        # Without a lock, its process was killed before it wrote anything, or while it removed the folder.
        has_lock = (folder / _LOCK).is_file()
        lock = take_lock(folder / _LOCK) if has_lock else None
        if has_lock and lock is None:
            return
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            lock.release()


def files_below(folder: Path) -> list[Path]:
    """The names of the files in a temporary folder, counted from it: the deepest first, then by time."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    found.pop(Path(_LOCK), None)
    order = {name: (-len(name.parts), path.stat().st_mtime_ns) for name, path in found.items()}
    return sorted(found, key=order.__getitem__)


def move_files(source: Path, target: Path, names: Iterable[Path]) -> None:
    """Move these files of one folder into another on the same disk, in this order, each one whole."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).replace(target / name)
    _flush_names(target)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{_UNFINISHED}{path.stem}-{uuid.uuid4().hex[:12]}{path.suffix}")


def flush_to_disk(file: Path) -> None:
    """Return when the disk has what was written to the file."""
    # Windows flushes only what may be written.
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())


def _flush_names(folder: Path) -> None:
    """Return when the disk has the names in the folder, where the system can be asked for that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no such thing for folders.
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)


def remove_file(path: Path) -> None:
    """Remove a file of ours if it is still there; of a link, the link itself.

    This module alone deletes. Callers name one file that they know to be ours: there is no call that
    removes a folder with what is in it. Raises OSError for a folder.
    """
    path.unlink(missing_ok=True)


def remove_empty_folder(path: Path) -> bool:
    """Remove a folder with nothing in it; returns whether it went. A link stays."""
    try:
        path.rmdir()
    except OSError:
        return False
    return True


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process left of files that it was writing; nobody else may be writing there."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        remove_file(path)


def append_whole(file: io.FileIO, path: Path, content: bytes) -> None:
    """Append to a file that is open without a buffer, all of it or nothing: a disk may be full half-way."""
    end = file.seek(0, os.SEEK_END)
    try:
        with naming(path):
            while content:
                content = content[file.write(content) :]
    except OSError:
        file.truncate(end)
        raise


def write_text_atomically(path: Path, text: str) -> None:
    """Write UTF-8 text with `\\n` line ends, whole or not at all."""
    with replace_atomically(path) as temporary:
        _write_text(temporary, text)


def copy_atomically(source: Path, path: Path) -> None:
    """Copy a file, whole or not at all."""
    with replace_atomically(path) as temporary:
        shutil.copyfile(source, temporary)


def keep(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file that is only kept to save time; missing folders are made.

    A disk that does not take it is a warning, and a power cut may leave it damaged: readers look.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path, durable=False) as temporary:
            write(temporary)
    except OSError as error:
        _warn_not_kept(path, error)


def keep_text(path: Path, text: str) -> None:
    """The same of UTF-8 text with `\\n` line ends."""
    keep(path, lambda temporary: _write_text(temporary, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _warn_not_kept(path: Path, error: OSError) -> None:
    log.warning("%s is not kept for the next time: %s", path, error.strerror or error)


def make_new_folder(path: Path) -> Path:
    """Make the folder with those above it, or one with a number behind its name where it is there already.

    Of several processes that ask for the same name at once, each gets a folder of its own.
    """
    for number in count(1):
        folder = path if number == 1 else path.with_name(f"{path.name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            # A link to nowhere among the folders above ends in this, too.
            if not folder.exists():
                raise
    raise AssertionError("numbers have no end")


def computed_once(
    path: Path,
    read: Callable[[str], Value],
    compute: Callable[[], Value],
    write: Callable[[Value], str],
    on_wait: Callable[[str], None] = log.warning,
    *,
    locks: bool = True,
) -> Value:
    """What `read` makes of the file's text, else what `compute` gives, kept there as `write` puts it.

    A file that `read` refuses with ValueError, TypeError or KeyError is computed anew. Of several processes
    that need it, one computes it; on_wait hears where that is another one: see `wait_for_lock`. Without locks
    several may. A disk that does not take the file is a warning.
    """

    def known() -> Value | None:
        try:
            return read(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    value = known()
    if value is not None:
        return value
    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(_lock_of(path), on_wait, locks=locks))
        except OSError as error:
            _warn_not_kept(path, error)
            return compute()
        value = known()
        if value is None:
            value = compute()
            keep_text(path, write(value))
        return value


def is_computed_now(path: Path) -> bool:
    """Whether another process computes the file in `computed_once`; false where that cannot be found out."""
    return is_locked(_lock_of(path))


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


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
