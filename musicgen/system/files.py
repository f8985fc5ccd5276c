"""Whole files: written completely or not at all. No other module of the package deletes files."""

import errno
import io
import logging
import os
import re
import shutil
import stat
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import BinaryIO, cast

from musicgen.errors import InputError

log = logging.getLogger(__name__)

_UNFINISHED = ".unfinished-"
_UNFINISHED_NAME = re.compile(rf"{re.escape(_UNFINISHED)}.*-[0-9a-f]{{12}}(\.\w+)?$")
FOLDER_NAME = r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,99}$"
"""Matches names that cannot lead out of the folder they are joined to."""


@contextmanager
def replace_atomically(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the same folder, renamed to `path` when the block succeeds.

    The temporary name keeps the suffix because writers choose a format by it. If the block raises, the
    temporary file is removed and an existing `path` stays as it was. OSErrors carry the name of `path`.

    durable: flush to the disk before returning, so that a power cut leaves either the old or the new file.
    Cached files do without it: see `keep`.
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
        remove_file(temporary)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add the file's name to OSErrors that lack one, such as those about a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


@contextmanager
def filled_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block succeeds.

    If `path` is already a folder, its other files stay and the new files are moved in one by one: the
    deepest first, then in the order in which they were written. If the block raises, nothing changes.
    """
    path = path.absolute()
    with unfinished_folder(path) as temporary:
        yield temporary
        if path.is_dir():
            move_files(temporary, path, files_below(temporary))
        else:
            temporary.replace(path)
            _flush_names(path.parent)


@contextmanager
def unfinished_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder on the same disk as `path`, and remove it when the block ends.

    OSErrors name the file as if it were in `path`.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    is_there = path.is_dir()
    # Leftovers of a killed process are less confusing next to the folder than in it, if that is possible.
    is_apart = is_there and path.stat().st_dev != path.parent.stat().st_dev
    is_inside = is_there and (is_apart or not os.access(path.parent, os.W_OK))
    temporary = _unfinished(path / "folder" if is_inside else path)
    temporary.mkdir()
    try:
        yield temporary
    except OSError as error:
        if error.filename is None or error.errno is None:
            raise
        final = str(error.filename).replace(str(temporary), str(path))
        raise OSError(error.errno, error.strerror, final) from error
    finally:
        # The only recursive delete in the package: this process created the folder under a random name.
        shutil.rmtree(temporary, ignore_errors=True)


def files_below(folder: Path) -> list[Path]:
    """Paths of all files in a folder, relative to it: the deepest first, then by modification time."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    order = {name: (-len(name.parts), path.stat().st_mtime_ns) for name, path in found.items()}
    return sorted(found, key=order.__getitem__)


def move_files(source: Path, target: Path, names: Iterable[Path]) -> None:
    """Move files, in this order, from one folder into another on the same disk.

    Raises InputError if a folder on the way to one of them is a link.
    """
    for name in names:
        for above in name.parents[:-1]:
            refuse_link(target / above)
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).replace(target / name)
    _flush_names(target)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{_UNFINISHED}{path.stem}-{uuid.uuid4().hex[:12]}{path.suffix}")


def flush_to_disk(file: Path) -> None:
    """Return once the file's contents are on the disk."""
    # Windows can flush only files opened for writing.
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())


def _flush_names(folder: Path) -> None:
    """Return once the folder's entries are on the disk, if the system supports that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot flush a folder.
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)


def remove_file(path: Path) -> None:
    """Remove a single file that we created, if it still exists; for a link, the link itself.

    No function removes a folder with its contents. Raises OSError for a folder.
    """
    path.unlink(missing_ok=True)


def remove_empty_folder(path: Path) -> bool:
    """Remove a folder if it is empty, and return whether it was removed. A link stays."""
    try:
        path.rmdir()
    except OSError:
        return False
    return True


def is_unfinished(name: str) -> bool:
    """Return whether the name is that of a temporary file from `replace_atomically`."""
    return _UNFINISHED_NAME.match(name) is not None


def remove_unfinished(folder: Path) -> None:
    """Remove temporary files left by a killed process; no other process may be writing in the folder."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        if is_unfinished(path.name):
            remove_file(path)


def scratch_file() -> BinaryIO:
    """Open an unnamed file for a program's output; on Linux in memory, so a full disk does not matter."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("scratch"), "w+b")
    return cast(BinaryIO, tempfile.TemporaryFile())


def append_whole(file: io.FileIO, path: Path, content: bytes) -> None:
    """Append all of the content to an unbuffered file, or nothing: the disk may fill up half-way."""
    end = file.seek(0, os.SEEK_END)
    try:
        with naming(path):
            while content:
                content = content[file.write(content) :]
    except OSError:
        file.truncate(end)
        raise


def write_text_atomically(path: Path, text: str) -> None:
    """Write UTF-8 text with `\\n` line ends, atomically."""
    with replace_atomically(path) as temporary:
        _write_text(temporary, text)


def copy_atomically(source: Path, path: Path) -> None:
    """Copy a file, atomically."""
    with replace_atomically(path) as temporary:
        shutil.copyfile(source, temporary)


def keep(path: Path, write: Callable[[Path], object]) -> None:
    """Write a cached file by calling `write` with its temporary path; missing folders are created.

    If the disk refuses it, log a warning. A power cut may leave the file damaged, so readers must check it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path, durable=False) as temporary:
            write(temporary)
    except OSError as error:
        warn_not_kept(path, error)


def keep_text(path: Path, text: str) -> None:
    """Write a cached file of UTF-8 text with `\\n` line ends: see `keep`."""
    keep(path, lambda temporary: _write_text(temporary, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def warn_not_kept(path: Path, error: OSError) -> None:
    """Log that a file could not be cached, and why."""
    log.warning("%s could not be cached: %s", path, error.strerror or error)


def make_new_folder(path: Path) -> Path:
    """Create the folder and its parents; if it already exists, append a number to its name.

    Processes that ask for the same name at the same time get different folders.
    """
    for number in count(1):
        folder = path if number == 1 else path.with_name(f"{path.name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            # A broken link among the parents raises this, too.
            if not folder.exists():
                raise
    raise AssertionError("unreachable")


@cache
def source_code(package: Path) -> bytes:
    """Return the source code of a package. Cached results are valid only for the code that computed them."""
    return b"".join(path.read_bytes() for path in sorted(package.glob("*.py")))


def read_whole(path: Path, max_bytes: int, *, follows_links: bool = True) -> bytes:
    """Return the bytes of a file that may come from somebody else.

    follows_links: pass False for a file of a run or sweep: a link in a downloaded run could put any file of
    this machine into a report or an archive. Raises InputError for such a link, for a file larger than
    `max_bytes`, and for anything but a regular file, since a FIFO or a device may never end. Raises OSError
    like open().
    """
    if not follows_links:
        refuse_link(path)
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InputError(f"{path}: is not a regular file")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise InputError(f"{path}: is larger than the limit of {max_bytes / 2**20:,.0f} MiB")
    return content


def _open_at_once(path: str, flags: int) -> int:
    # Opening a FIFO would block until somebody writes to it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def refuse_link(path: Path) -> None:
    """Raise InputError if the path is a link: reading or writing there would touch another file."""
    if path.is_symlink():
        raise InputError(f"{path}: is a link, and links are not followed here; replace it with its target")


def refuse_links_out(folder: Path) -> None:
    """Raise InputError if a link in the folder, at any depth, leads out of it; a missing folder is fine.

    A run may come from somebody else, in an archive that preserves links. Its files are read, shown and
    uploaded, and new files are written next to them.
    """
    top = os.path.realpath(folder)
    waiting = [top]
    while waiting:
        # Another process may remove a file during the scan.
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if not os.path.realpath(entry.path).startswith(top + os.sep):
                        raise InputError(f"{entry.path}: is a link that points outside {folder}; remove it")
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
