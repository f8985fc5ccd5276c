"""Files that a reader never sees half-written, and the code that what they hold depends on."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_UNFINISHED = ".unfinished-"


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


@cache
def source_code(package: Path) -> bytes:
    """The code of a package. What it works out is kept on disk only as long as the code stays the same."""
    return b"".join(path.read_bytes() for path in sorted(package.glob("*.py")))
