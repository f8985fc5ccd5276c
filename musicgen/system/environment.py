"""Adapts a command to the environment in which it was started.

People start commands from terminals, notebooks, schedulers and windows without a console. In each of them,
figures are drawn to files, any text can be printed, and closing the reading end of a pipe does not stop a
training.
"""

import io
import os
import sys
from pathlib import Path
from typing import TextIO

_STANDARD_DESCRIPTORS = (0, 1, 2)


def settle_environment() -> None:
    """Prepare the environment of this process and its children."""
    # Notebooks set a backend that only their own kernel has; importing matplotlib would fail.
    os.environ["MPLBACKEND"] = "Agg"
    _open_closed_descriptors()
    settle_outputs()


def settle_outputs() -> None:
    """Make stdout and stderr accept any text, whatever their encoding, even after their reader is gone.

    Processes forked from a server must call this themselves.
    """
    sys.stdout = _tolerant(sys.stdout, 1)
    sys.stderr = _tolerant(sys.stderr, 2)


def problem_of_names() -> str | None:
    """Describe an argument or current folder that records cannot store; None if all is well.

    Records and tables are UTF-8, so they cannot store a path with bytes that are invalid in this locale.
    """
    try:
        folder = str(Path.cwd())
    except FileNotFoundError:
        return "the current folder no longer exists; change to one that does"
    for text in (*sys.argv[1:], folder):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            encoding = sys.getfilesystemencoding()
            return f"{text}: contains bytes that are not {encoding}; rename it, or set LC_ALL to its locale"
    return None


def _open_closed_descriptors() -> None:
    """Reopen closed standard descriptors: a file opened later would get their number, and their output."""
    for descriptor in _STANDARD_DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            _connect_to_nothing(descriptor)


def _connect_to_nothing(descriptor: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing == descriptor:
        os.set_inheritable(nothing, True)
    else:
        os.dup2(nothing, descriptor)
        os.close(nothing)


class _PatientFile(io.FileIO):
    """A file that discards output once the other end of its pipe is closed."""

    def write(self, content: object, /) -> int | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return super().write(content)  # type: ignore[arg-type]
        except BrokenPipeError:
            _connect_to_nothing(self.fileno())
            return super().write(content)  # type: ignore[arg-type]


def _tolerant(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return the stream with error handlers for characters and for closed pipes."""
    if stream is None:
        return _open_output(descriptor, "utf-8", is_buffered=True, line_buffering=False, write_through=False)
    binary = getattr(stream, "buffer", None)
    raw = getattr(binary, "raw", binary)
    # Notebooks, tests and Windows consoles replace the streams with ones that accept everything.
    if not isinstance(stream, io.TextIOWrapper) or type(raw) is not io.FileIO or raw.fileno() != descriptor:
        return stream
    stream.flush()
    return _open_output(
        descriptor,
        stream.encoding,
        is_buffered=raw is not binary,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _open_output(
    descriptor: int, encoding: str, *, is_buffered: bool, line_buffering: bool, write_through: bool
) -> TextIO:
    raw = _PatientFile(descriptor, "w", closefd=False)
    # As Python opens them: unbuffered if that was requested.
    binary = io.BufferedWriter(raw) if is_buffered else raw
    return io.TextIOWrapper(
        binary,  # type: ignore[arg-type]
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=line_buffering,
        write_through=write_through,
    )
