"""ABC to MIDI with the program abc2midi, which ships inside the symusic wheel.

Its exit status is unreliable (0 even after errors), so results rely on its messages and its MIDI file. A tune
that it cannot read is a result; a machine that keeps it from running is an OSError.
"""

import importlib.util
import re
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from musicgen.errors import InputError
from musicgen.notation.abc2midi_process import run_abc2midi
from musicgen.notation.midi_notes import is_silent

_PROGRAM = "abc2midi.exe" if sys.platform == "win32" else "abc2midi"
_MAX_MESSAGE_BYTES = 2**18
_READS_A_FILE = re.compile(rb"(?i)abc-include|ptstress")
"""The two words that make abc2midi open a file: %%abc-include, also with white space before each sign, and
ptstress after %%MIDI, %%MIDIdef, I:MIDI or [I:MIDI=, also after music. They have no other spelling, so they
are replaced everywhere."""
_READS_NO_FILE = b"beataccents"
"""The replacement. After MIDI it requests the default; any other word would be an error."""
_LONG_NUMBER = re.compile(rb"(?<![0-9.])[0-9]{5,}")
_MAX_NUMBER = b"9999"
"""Limit in music and in P:. abc2midi stores every bar of Z50000000, and every part of P:A50000000."""
_NOT_MUSIC = re.compile(rb"[ \t]*(%|[A-OQ-Za-z+][ \t]*:(?![:|]))")
_LINE_END = re.compile(rb"([\r\n]+)")


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result of abc2midi for one tune."""

    midi: bytes | None
    """The MIDI file; None if the program wrote none."""
    messages: tuple[str, ...]
    """The program's output lines, including warnings."""
    problem: str | None
    """One line on why the tune does not parse; None if it does."""

    @property
    def parses(self) -> bool:
        """Whether at least one note sounds and no message is an error."""
        return self.problem is None


@cache
def find_program() -> Path:
    """abc2midi in the symusic wheel, or else on PATH. Raises InputError if it is in neither."""
    package = importlib.util.find_spec("symusic")
    for folder in (package.submodule_search_locations or []) if package else []:
        program = Path(folder) / "bin" / _PROGRAM
        if program.is_file():
            return program
    on_path = shutil.which(_PROGRAM)
    if on_path is None:
        raise InputError(f"{_PROGRAM} not found: install symusic 0.5.9, which ships it, or put it on PATH")
    return Path(on_path)


def convert(abc: str, timeout_seconds: float = 10.0) -> Conversion:
    """Convert the first tune of the text, with repeats expanded and grace notes played.

    Safe for untrusted text: abc2midi opens no other file and runs with limits. It rejects tunes without X: or
    K:, and the messages say so. A tune that needs more than `timeout_seconds` of processor time, or more
    memory or output than any real tune, yields no MIDI.

    Raises InputError if abc2midi is missing, and OSError if the machine is to blame for a failure: no process
    could be started, the disk was full, the program was killed.
    """
    output, midi, limit = run_abc2midi(find_program(), made_harmless(abc), timeout_seconds)
    messages = tuple(output[:_MAX_MESSAGE_BYTES].decode("utf-8", errors="replace").splitlines())
    if limit is not None:
        return Conversion(None, messages, limit)
    silence = _silence(midi) if midi else "abc2midi wrote no MIDI file"
    return Conversion(midi or None, messages, _first_error(messages) or silence)


def made_harmless(abc: str) -> bytes:
    """The text without directives that open files, and without numbers that expand to a huge tune."""
    content = _READS_A_FILE.sub(_READS_NO_FILE, abc.encode("utf-8", errors="replace"))
    if _LONG_NUMBER.search(content) is None:
        return content
    lines = _LINE_END.split(content)
    return b"".join(line if _NOT_MUSIC.match(line) else _LONG_NUMBER.sub(_MAX_NUMBER, line) for line in lines)


def _first_error(messages: tuple[str, ...]) -> str | None:
    return next((line for line in messages if "Error" in line), None)


def _silence(midi: bytes) -> str | None:
    """Why the MIDI file is silent; None if a note sounds."""
    try:
        return "no note sounds" if is_silent(midi) else None
    except ValueError as error:
        return f"abc2midi wrote a broken file: {error}"
