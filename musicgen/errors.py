"""The one error that a user can cause, and one-line descriptions of what the machine refused."""

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_DISK = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
)
"""What the system says of a disk that is full, may not be written to, or is broken."""
OUT_OF_RESOURCES = (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
"""What it says when it has no memory, process, thread or open file to give."""


class InputError(ValueError):
    """Bad input: the message is one line that says what is wrong, where, and what is allowed.

    Commands print the line and exit with status 1. Every other exception is a defect of the program and
    keeps its traceback.
    """


def describe_disk(error: OSError) -> str | None:
    """The line about a disk that is full, may not be written to, or is broken; None for other errors.

    A machine without memory, processes or open files to give gets its line here, too.
    """
    if error.errno not in _DISK + OUT_OF_RESOURCES:
        return None
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


def first_problem(error: "ValidationError") -> str:
    """Where the first value is that pydantic refuses, and why; the why alone where it refuses the whole."""
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else problem["msg"]


def one_line(text: str) -> str:
    """The text with everything escaped that ends a line or that a terminal obeys: it may come from a file."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
