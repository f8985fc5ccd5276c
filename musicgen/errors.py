"""The error for bad input, and one-line descriptions of other errors."""

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""A disk that is full, read-only or broken."""
OUT_OF_RESOURCES = (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
"""A machine without memory, processes, threads or file descriptors."""

_DISTRIBUTION = "musicgen-sweeps"
"""The name on the package index, where `musicgen` is another project."""


class InputError(ValueError):
    """Bad input. The message is one line that says what is wrong, where, and what is allowed.

    Commands print the line and exit with status 1. Any other exception is a bug and keeps its traceback.
    """


def describe_disk(error: OSError) -> str | None:
    """Describe a full, read-only or broken disk, or a machine out of resources; None for other errors."""
    if error.errno not in _DISK + OUT_OF_RESOURCES:
        return None
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


def first_problem(error: "ValidationError") -> str:
    """Return the place and reason of pydantic's first problem; only the reason if it has no place."""
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else problem["msg"]


def how_to_install(extra: str) -> str:
    """Return the command that adds an extra of this package, also to one installed from a clone."""
    return f"pip install '{_DISTRIBUTION}[{extra}]'"


def one_line(text: str) -> str:
    """Escape line ends and control characters: the text may come from a file, and terminals obey them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
