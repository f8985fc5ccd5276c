"""ABC to MIDI by the program abc2midi, which comes inside the symusic wheel.

The program runs in a temporary folder with a time limit and no input, and its messages are captured. Its exit
code says nothing (0 after an error too), so its messages and its MIDI file are what counts.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from musicgen.errors import InputError
from musicgen.notation.midi_notes import is_silent

_PROGRAM = "abc2midi.exe" if sys.platform == "win32" else "abc2midi"
_MOST_MIDI_BYTES = 16 * 2**20
_MOST_MESSAGE_BYTES = 2**18


@dataclass(frozen=True, slots=True)
class Conversion:
    """What abc2midi made of a tune."""

    midi: bytes | None
    """The MIDI file; None where the program wrote none."""
    messages: tuple[str, ...]
    """What the program said, a line each, warnings included."""
    problem: str | None
    """Why the tune does not parse, in one line; None where it does."""

    @property
    def parses(self) -> bool:
        """Whether at least one note sounds and no message is an error."""
        return self.problem is None


@cache
def find_program() -> Path:
    """The abc2midi in the symusic wheel, or else the one on PATH. Raises InputError where there is none."""
    package = importlib.util.find_spec("symusic")
    for folder in (package.submodule_search_locations or []) if package else []:
        program = Path(folder) / "bin" / _PROGRAM
        if program.is_file():
            return program
    on_path = shutil.which(_PROGRAM)
    if on_path is None:
        raise InputError(f"{_PROGRAM} not found: it comes with symusic 0.5.9, or put it on PATH")
    return Path(on_path)


def convert(abc: str, timeout_seconds: float = 10.0) -> Conversion:
    """Convert the first tune of the text, repeats expanded and grace notes played.

    The text is taken as it is: without X: and K: fields the program refuses it, and the messages say so.
    A run beyond `timeout_seconds` is ended and gives no MIDI. Raises InputError where abc2midi is missing.
    """
    program = find_program()
    with tempfile.TemporaryDirectory(prefix="abc2midi-") as name:
        folder = Path(name)
        tune, midi_file, message_file = folder / "tune.abc", folder / "tune.mid", folder / "messages.txt"
        tune.write_bytes(abc.encode("utf-8", errors="replace"))
        is_in_time = _run([str(program), tune.name, "-o", midi_file.name], message_file, timeout_seconds)
        messages = _read_messages(message_file)
        if not is_in_time:
            return Conversion(None, messages, f"abc2midi took longer than {timeout_seconds:g} s")
        if not midi_file.is_file():
            return Conversion(None, messages, _first_error(messages) or "abc2midi wrote no MIDI file")
        if midi_file.stat().st_size > _MOST_MIDI_BYTES:
            return Conversion(None, messages, f"abc2midi wrote more than {_MOST_MIDI_BYTES} bytes of MIDI")
        midi = midi_file.read_bytes()
    return Conversion(midi, messages, _first_error(messages) or _silence(midi))


def _run(command: list[str], message_file: Path, timeout_seconds: float) -> bool:
    """Run the program beside its messages; whether it ended in time. A crash shows in what it left."""
    with message_file.open("wb") as messages:
        try:
            subprocess.run(
                command,
                cwd=message_file.parent,
                stdin=subprocess.DEVNULL,
                stdout=messages,
                stderr=subprocess.STDOUT,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    return True


def _read_messages(message_file: Path) -> tuple[str, ...]:
    """The program's lines, up to a bound: hostile text can make it say one thing for ever."""
    with message_file.open("rb") as messages:
        text = messages.read(_MOST_MESSAGE_BYTES).decode("utf-8", errors="replace")
    return tuple(text.splitlines())


def _first_error(messages: tuple[str, ...]) -> str | None:
    return next((line for line in messages if "Error" in line), None)


def _silence(midi: bytes) -> str | None:
    """Why nothing sounds in the MIDI file; None where something does."""
    try:
        return "no note sounds" if is_silent(midi) else None
    except ValueError as error:
        return f"abc2midi wrote a broken file: {error}"
