"""Files that a reader never sees half-written, and the code that what the files hold depends on."""

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import TypeVar

from musicgen.locks import locked

log = logging.getLogger(__name__)

_UNFINISHED = ".unfinished-"
Value = TypeVar("Value")


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
    several may.
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
