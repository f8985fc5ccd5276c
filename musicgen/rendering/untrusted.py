"""Plays soundfonts of unknown origin in a separate process, because a damaged one may crash it."""

import atexit
import errno
import os
import signal
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musicgen.errors import InputError
from musicgen.rendering.isolated import IsolatedProgram
from musicgen.rendering.synthesis import scale

_PLAYER = Path(__file__).with_name("untrusted_player.py")
_MAX_SECONDS = 120.0
"""Enough to load the soundfont and play one tune of ten minutes."""
_PROGRAM_MEMORY_BYTES = 4 * 2**30
_MEMORY_PER_BYTE = 8
"""Bytes of memory per byte of the soundfont, which is loaded and expanded from 16 to 32 bits."""
_VELOCITIES = (40, 80, 105, 127)
"""abc2midi uses 80 and 105."""


@dataclass(frozen=True, slots=True)
class _Player:
    """A player program for one version of a soundfont at one sample rate."""

    plays: tuple[Path, int, int]
    """Soundfont, its modification time in nanoseconds, sample rate."""
    owner: int
    """Id of the process that started it."""
    program: IsolatedProgram


_lock = threading.Lock()
_player: _Player | None = None


def play_untrusted(midi: bytes, soundfont: Path, sample_rate: int) -> NDArray[np.float32]:
    """Like `play`, but in a separate process, which is kept for the next tune.

    Raises InputError for a soundfont that cannot be read, takes too long, or crashes the synthesiser.
    """
    with _lock:
        try:
            answer = _program(soundfont, sample_rate).ask(midi, _MAX_SECONDS)
        except TimeoutError:
            _end_player(patience_seconds=0)
            reason = f"{soundfont} is damaged: a tune took longer than {_MAX_SECONDS:g} s"
            raise InputError(f"rendering.soundfont: {reason}") from None
        if answer is None:
            raise _crash(soundfont, _end_player())
    if answer[:1] != b"\x01":
        raise InputError(answer[1:].decode("utf-8", errors="replace"))
    return np.frombuffer(bytearray(memoryview(answer)[1:]), dtype=np.float32).reshape(-1, 2)


@lru_cache
def check_untrusted(soundfont: Path, changed: int, sample_rate: int, program: int) -> None:
    """Play every note of a program at several velocities; raises InputError like `play_untrusted`.

    changed: the file's modification time, so that a new version is checked again.
    """
    play_untrusted(scale(program, range(128), _VELOCITIES), soundfont, sample_rate)


def _program(soundfont: Path, sample_rate: int) -> IsolatedProgram:
    """The player program; starts one unless the latest has the same settings."""
    global _player
    file = soundfont.stat()
    wanted = (soundfont.absolute(), file.st_mtime_ns, sample_rate)
    if _player is None or _player.plays != wanted or _player.owner != os.getpid():
        _end_player()
        memory_bytes = _PROGRAM_MEMORY_BYTES + _MEMORY_PER_BYTE * file.st_size
        program = IsolatedProgram(_PLAYER, str(wanted[0]), str(sample_rate), memory_bytes=memory_bytes)
        _player = _Player(wanted, os.getpid(), program)
    return _player.program


@atexit.register
def _end_player(patience_seconds: float = 5.0) -> int:
    """End the player program, if this process started one; returns its exit status."""
    global _player
    player, _player = _player, None
    # After a fork, it still belongs to the parent.
    if player is None or player.owner != os.getpid():
        return 0
    return player.program.end(patience_seconds)[0]


def _crash(soundfont: Path, status: int) -> Exception:
    if status == -getattr(signal, "SIGKILL", 0):
        return OSError(errno.ENOMEM, "the synthesiser was killed: is there enough memory?", str(soundfont))
    return InputError(
        f"rendering.soundfont: {soundfont} is damaged: the synthesiser crashed on it (status {status})"
    )
