"""Runs abc2midi as a process with limits, and checks that its output is complete.

On Linux it writes to memory. Elsewhere it writes to a temporary folder, whose disk may be full: the program
reports success even then, so its output is checked.
"""

import contextlib
import errno
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from musicgen.notation.midi_notes import is_whole
from musicgen.system.files import scratch_file
from musicgen.system.limits import LIMITS_ARE_SET, limit_process

MAX_FILE_BYTES = 16 * 2**20
"""Limit of the MIDI file, and of the messages."""
_MAX_MEMORY_BYTES = 256 * 2**20  # a typical tune needs 10 MB, C library included
_MAX_OPEN_FILES = 4  # three standard streams and the MIDI file
# It never sleeps, so if it has not used up its processor time after this multiple of it, the machine is busy.
_PATIENCE = 6 if LIMITS_ARE_SET else 1
_IN_MEMORY = sys.platform == "linux"
_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP")
_OUT_OF_MEMORY = b"Out of memory error"
_CANNOT_WRITE = re.compile(
    rb"(?m)^(Error in line-char \d+-\d+ : File open failed|MIDI read/write error : error writing)$"
)


@dataclass(frozen=True, slots=True)
class _Workplace:
    """Where the program runs and writes."""

    folder: str
    storage: str
    """Named in the error if the program cannot write."""
    midi_name: str
    midi: BinaryIO
    messages: BinaryIO


def run_abc2midi(program: Path, tune: bytes, timeout_seconds: float) -> tuple[bytes, bytes, str | None]:
    """Run the program on a tune; returns its messages, its MIDI file, and the limit that it hit, if any.

    The MIDI file is empty unless it is complete. Raises OSError if the machine kept the program from doing
    its work.
    """
    with _workplace() as place:
        status = _run(program, tune, place, timeout_seconds)
        place.messages.seek(0)
        place.midi.seek(0)
        messages, midi = place.messages.read(), place.midi.read()
        limit = _limit(status, max(len(messages), len(midi)), timeout_seconds)
        if status is not None and status >= 0:
            _check_output(status, messages, midi, place.storage)
    # A crash may leave a partial file.
    return messages, midi if is_whole(midi) else b"", limit


@contextlib.contextmanager
def _workplace() -> Iterator[_Workplace]:
    if _IN_MEMORY:
        # The program opens /dev/stderr, which is the scratch file, to write the MIDI.
        with scratch_file() as midi, scratch_file() as messages:
            yield _Workplace("/", "memory", "/dev/stderr", midi, messages)
    else:
        with (
            tempfile.TemporaryDirectory(prefix="abc2midi-") as folder,
            Path(folder, "tune.mid").open("w+b") as midi,
            Path(folder, "messages").open("w+b") as messages,
        ):
            yield _Workplace(folder, tempfile.gettempdir(), "tune.mid", midi, messages)


def _run(program: Path, tune: bytes, place: _Workplace, timeout_seconds: float) -> int | None:
    """Run it until it exits or hits a limit; returns its exit status, or None if it took too long."""
    try:
        process = subprocess.Popen(
            [program, "-", "-o", place.midi_name],
            cwd=place.folder,
            stdin=subprocess.PIPE,
            stdout=place.messages,
            stderr=place.midi,
            # Ctrl-C must reach only the command, which decides how to react.
            start_new_session=True,
        )
    except OSError as error:
        raise OSError(
            error.errno, f"cannot be started: {os.strerror(error.errno or 0)}", "abc2midi"
        ) from error
    with process:
        limit_process(
            process.pid,
            memory_bytes=_MAX_MEMORY_BYTES,
            cpu_seconds=math.ceil(timeout_seconds),
            file_bytes=MAX_FILE_BYTES,
            open_files=_MAX_OPEN_FILES,
        )
        try:
            # The program waits for the tune, so the limits are set before it does any work.
            process.communicate(tune, timeout_seconds * _PATIENCE)
        except BaseException as error:
            process.kill()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            if LIMITS_ARE_SET:
                late = f"did not finish within {error.timeout:g} s: is the machine busy?"
                raise OSError(errno.EAGAIN, late, "abc2midi") from error
            return None
    return process.returncode


def _limit(status: int | None, num_bytes: int, timeout_seconds: float) -> str | None:
    """The limit that a run hit, in words; None if it exited or crashed, which shows in its output.

    num_bytes: size of its larger file. Raises OSError if it was killed from outside.
    """
    if status is None or -status == getattr(signal, "SIGXCPU", None):
        return f"abc2midi took longer than {timeout_seconds:g} s"
    if -status == getattr(signal, "SIGXFSZ", None) and num_bytes >= MAX_FILE_BYTES:
        return f"abc2midi wrote more than {MAX_FILE_BYTES} bytes"
    if status >= 0 or signal.Signals(-status).name in _CRASHES:
        return None
    if -status == getattr(signal, "SIGXFSZ", None):
        raise OSError(errno.EFBIG, "hit the file size limit for this tune: see ulimit -f", "abc2midi")
    name = signal.Signals(-status).name
    raise OSError(errno.ENOMEM, f"was killed by {name}: is there enough memory?", "abc2midi")


def _check_output(status: int, messages: bytes, midi: bytes, storage: str) -> None:
    """Raise OSError if part of the program's output is missing."""
    # If memory for the tune runs out it stops half-way with status 0.
    is_cut = bool(midi) and not is_whole(midi) and status == 0 and _OUT_OF_MEMORY not in messages
    # It always prints something, and ends every line.
    if is_cut or not messages.endswith(b"\n") or _CANNOT_WRITE.search(messages):
        raise OSError(errno.ENOSPC, "abc2midi could not write all of its output: is it full?", storage)
