"""The process of abc2midi: what it gets, where it writes, its limits, and whether it could do its work.

On Linux it works in memory. Elsewhere it writes into a temporary folder, whose disk may be full: the program
itself reports success then, so its output is checked.
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
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO

from musicgen.notation.midi_notes import is_whole
from musicgen.system.files import scratch_file
from musicgen.system.limits import LIMITS_ARE_SET, limit_process

MAX_FILE_BYTES = 16 * 2**20
"""Of the MIDI file, and of the messages."""
# A common tune takes 10 MB, C library included.
_MAX_MEMORY_BYTES = 256 * 2**20
# Its three streams and the MIDI file.
_MAX_OPEN_FILES = 4
# It never sleeps. Without its processor time after this many times as long, the machine is to blame.
_PATIENCE = 6 if LIMITS_ARE_SET else 1
_IN_MEMORY = sys.platform == "linux"
_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP")
_OUT_OF_MEMORY = b"Out of memory error"
_CANNOT_WRITE = re.compile(
    rb"(?m)^(Error in line-char \d+-\d+ : File open failed|MIDI read/write error : error writing)$"
)


class End(Enum):
    """How a run ended."""

    BY_ITSELF = auto()
    """Or by a crash, which shows in what it wrote."""
    TOO_SLOW = auto()
    TOO_LARGE = auto()


@dataclass(frozen=True, slots=True)
class Abc2midiRun:
    """What one run left."""

    end: End
    messages: bytes
    midi: bytes
    """Empty where there is none, never a part of a file for want of room."""


@dataclass(frozen=True, slots=True)
class _Workplace:
    """Where the program runs and writes."""

    folder: str
    room: str
    """What is full if it cannot write."""
    midi_name: str
    midi: BinaryIO
    messages: BinaryIO


def run_abc2midi(program: Path, tune: bytes, timeout_seconds: float) -> Abc2midiRun:
    """Run the program on a tune. Raises OSError where the machine did not let it do its work."""
    with _workplace() as place:
        status = _run(program, tune, place, timeout_seconds)
        place.messages.seek(0)
        place.midi.seek(0)
        messages, midi = place.messages.read(), place.midi.read()
        end = _end(status, max(len(messages), len(midi)))
        if status is not None and status >= 0:
            _check_output(status, messages, midi, place.room)
    # A crash may leave a part.
    return Abc2midiRun(end, messages, midi if is_whole(midi) else b"")


@contextlib.contextmanager
def _workplace() -> Iterator[_Workplace]:
    if _IN_MEMORY:
        # The program opens its standard error to write the MIDI.
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
    """Run it to its end, or until the limits end it; returns its exit status, None if it took too long."""
    try:
        process = subprocess.Popen(
            [program, "-", "-o", place.midi_name],
            cwd=place.folder,
            stdin=subprocess.PIPE,
            stdout=place.messages,
            stderr=place.midi,
            # Ctrl-C is for the command, which decides what to do about it.
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
            # The program waits for the tune, so the limits are there before it.
            process.communicate(tune, timeout_seconds * _PATIENCE)
        except BaseException as error:
            process.kill()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            if LIMITS_ARE_SET:
                late = f"did not end within {error.timeout:g} s: is the machine busy?"
                raise OSError(errno.EAGAIN, late, "abc2midi") from error
            return None
    return process.returncode


def _end(status: int | None, num_bytes: int) -> End:
    """How a run ended; num_bytes: of its larger file. Raises OSError if something else ended it."""
    if status is None or -status == getattr(signal, "SIGXCPU", None):
        return End.TOO_SLOW
    if -status == getattr(signal, "SIGXFSZ", None) and num_bytes >= MAX_FILE_BYTES:
        return End.TOO_LARGE
    if status >= 0 or signal.Signals(-status).name in _CRASHES:
        return End.BY_ITSELF
    if -status == getattr(signal, "SIGXFSZ", None):
        raise OSError(errno.EFBIG, "may not write what it writes for this tune: see ulimit -f", "abc2midi")
    name = signal.Signals(-status).name
    raise OSError(errno.ENOMEM, f"was ended by {name}: is there enough memory?", "abc2midi")


def _check_output(status: int, messages: bytes, midi: bytes, room: str) -> None:
    """Raise OSError where something that the program wrote did not arrive."""
    # Without memory for the tune it ends half-way, with status 0.
    is_cut = bool(midi) and not is_whole(midi) and status == 0 and _OUT_OF_MEMORY not in messages
    # It always says something, and ends every line.
    if is_cut or not messages.endswith(b"\n") or _CANNOT_WRITE.search(messages):
        raise OSError(errno.ENOSPC, "abc2midi could not write all of its output: is it full?", room)
