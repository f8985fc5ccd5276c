"""Files that a reader never sees half-written, and the code that what the files hold depends on."""

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
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from musicgen.errors import InputError
from musicgen.system.locks import is_locked, locked

log = logging.getLogger(__name__)

_UNFINISHED = ".unfinished-"
_UNFINISHED_NAME = re.compile(rf"{re.escape(_UNFINISHED)}.*-[0-9a-f]{{12}}(\.\w+)?$")
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
        remove_file(temporary)


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
            temporary.replace(path)
            _flush_names(path.parent)


@contextmanager
def unfinished_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, on the same disk, and remove it when the block ends.

    OSErrors name the file as if it lay in `path`.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    is_there = path.is_dir()
    # What a kill leaves had better lie beside it, unless that is another disk or somebody else's.
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
        # The one folder that is removed as a whole: this process has just made it, under a random name.
        shutil.rmtree(temporary, ignore_errors=True)


def files_below(folder: Path) -> list[Path]:
    """The names of the files in a folder, counted from it: the deepest first, then by time."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    order = {name: (-len(name.parts), path.stat().st_mtime_ns) for name, path in found.items()}
    return sorted(found, key=order.__getitem__)


def move_files(source: Path, target: Path, names: Iterable[Path]) -> None:
    """Move these files of one folder into another on the same disk, in this order, each one whole.

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


class Made:
    """What this process makes on the disk, so that it can take back just that."""

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._folders: list[Path] = []

    def expect_folder(self, folder: Path) -> None:
        """Note the folder and those above it that are still missing: this process is about to make them."""
        folder = folder.absolute()
        self._folders += [path for path in (folder, *folder.parents) if not os.path.lexists(path)]

    def note_folder(self, folder: Path) -> None:
        """Note a folder that this process has just made."""
        self._folders.append(folder.absolute())

    def expect_file(self, path: Path) -> None:
        """Note a file that this process is about to make, unless it is already there."""
        if not os.path.lexists(path):
            self._files.append(path.absolute())

    def take_back(self) -> None:
        """Remove the files, then the folders as far as nothing else is in them."""
        for path in self._files:
            # On a disk that may not be written to, it stays.
            with suppress(OSError):
                remove_file(path)
        self.remove_empty_folders()

    def remove_empty_folders(self) -> None:
        """Remove the folders as far as nothing is in them."""
        for folder in sorted(self._folders, key=lambda path: len(path.parts), reverse=True):
            remove_empty_folder(folder)


def is_unfinished(name: str) -> bool:
    """Whether a file of this name is one that a killed process was writing."""
    return _UNFINISHED_NAME.match(name) is not None


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process left of files that it was writing; nobody else may be writing there."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        if is_unfinished(path.name):
            remove_file(path)


def scratch_file() -> BinaryIO:
    """A file without a name for what a program prints; on Linux in memory, where no disk can be full."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("scratch"), "w+b")
    return cast(BinaryIO, tempfile.TemporaryFile())


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


def read_whole(path: Path, most_bytes: int, *, follows_links: bool = True) -> bytes:
    """The bytes of a file that others may have made.

    follows_links: false for a file of a run or sweep, which may come from somebody else: a link in it would
    put a file of this machine into a report or an archive. Raises InputError for such a link, for a file of
    more than `most_bytes`, and for what is no file: a FIFO or a device may never come to an end. Raises
    OSError like open().
    """
    if not follows_links:
        refuse_link(path)
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


def refuse_link(path: Path) -> None:
    """Raise InputError if the path is a link: reading or writing there would touch another file."""
    if path.is_symlink():
        raise InputError(f"{path}: is a link, which is not followed here; replace it by what it leads to")


def refuse_links_out(folder: Path) -> None:
    """Raise InputError if a link in the folder, at any depth, leads out of it; no folder has none.

    A run may come from somebody else, in an archive that keeps links. Its files are read, shown and
    uploaded, and new ones are written beside them.
    """
    top = os.path.realpath(folder)
    waiting = [top]
    while waiting:
        # Whoever works in the folder may remove one while it is looked at.
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if not os.path.realpath(entry.path).startswith(top + os.sep):
                        raise InputError(f"{entry.path}: is a link that leads out of {folder}; remove it")
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
