"""What a command makes of the environment that it was started in, settled once before it does anything.

People start commands from terminals, notebooks, schedulers and windows without a console. Whatever is set
there, figures are drawn to files, any text can be printed, and a reader that leaves ends nobody's training.
"""

import io
import os
import sys
from pathlib import Path
from typing import TextIO

_STANDARD_DESCRIPTORS = (0, 1, 2)


def settle_environment() -> None:
    """Make the environment of this process, and of those it starts, fit for the program."""
    # Notebooks name a backend that only their own environment has, and matplotlib refuses to be imported.
    os.environ["MPLBACKEND"] = "Agg"
    _open_closed_descriptors()
    settle_outputs()


def settle_outputs() -> None:
    """Let stdout and stderr take any text, whatever their encoding, also when nobody reads them any more.

    Processes forked from a server call this for themselves.
    """
    sys.stdout = _tolerant(sys.stdout, 1)
    sys.stderr = _tolerant(sys.stderr, 2)


def problem_of_names() -> str | None:
    """The line about an argument or a folder that no record can hold; None if there is no such problem.

    Records and tables are UTF-8: they cannot hold a path whose bytes are no text in this locale.
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
            return f"{text}: holds bytes that are not {encoding}; rename it, or set LC_ALL to its locale"
    return None


def _open_closed_descriptors() -> None:
    """A file opened later would take the number of a closed stdout, and get whatever is printed there."""
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
    """A file descriptor that reads as written to after the other end of its pipe was closed."""

    def write(self, content: object, /) -> int | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return super().write(content)  # type: ignore[arg-type]
        except BrokenPipeError:
            _connect_to_nothing(self.fileno())
            return super().write(content)  # type: ignore[arg-type]


def _tolerant(stream: TextIO | None, descriptor: int) -> TextIO:
    """The stream with an encoding that refuses nothing, on a pipe that may be closed."""
    if stream is None:
        return _open_output(descriptor, "utf-8", is_buffered=True, line_buffering=False, write_through=False)
    binary = getattr(stream, "buffer", None)
    raw = getattr(binary, "raw", binary)
    # A notebook's cell, a test or a Windows console has streams of its own, which take everything.
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
    # As Python opens them: unbuffered where it was asked to.
    binary = io.BufferedWriter(raw) if is_buffered else raw
    return io.TextIOWrapper(
        binary,  # type: ignore[arg-type]
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=line_buffering,
        write_through=write_through,
    )
