"""ABC to MIDI by the program abc2midi, which comes inside the symusic wheel.

Its exit status says little (0 after an error, too), so its messages and its MIDI are what counts. They count
only if the program could do its work: a tune that it cannot read is a result, a failing machine an OSError.
"""

import importlib.util
import re
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from musicgen.errors import InputError
from musicgen.notation.abc2midi_process import MAX_FILE_BYTES, End, run_abc2midi
from musicgen.notation.midi_notes import is_silent

_PROGRAM = "abc2midi.exe" if sys.platform == "win32" else "abc2midi"
_MAX_MESSAGE_BYTES = 2**18
_READS_A_FILE = re.compile(rb"(?i)abc-include|ptstress")
"""The two words that make abc2midi open a file to read it: %%abc-include, also with white space before each
sign, and ptstress after %%MIDI, %%MIDIdef, I:MIDI or [I:MIDI=, also behind music. They cannot be spelt in any
other way, so they are replaced wherever they are."""
_READS_NONE = b"beataccents"
"""What stands there instead: after MIDI it asks for what is the default, anything else would be an error."""
_LONG_NUMBER = re.compile(rb"(?<![0-9.])[0-9]{5,}")
_MAX_NUMBER = b"9999"
"""In music and in P:. abc2midi stores every bar of Z50000000, and every part of P:A50000000."""
_NOT_MUSIC = re.compile(rb"[ \t]*(%|[A-OQ-Za-z+][ \t]*:(?![:|]))")
_LINE_END = re.compile(rb"([\r\n]+)")


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

    The text may be anybody's: abc2midi opens no other file for it, and runs within limits. Without X: and K:
    fields the program refuses it, and the messages say so. A tune that takes more than `timeout_seconds` of
    processor time, or more memory or output than any real one, gives no MIDI.

    Raises InputError where abc2midi is missing, and OSError where the machine and not the tune is the reason
    that it failed: no process could be started, a disk was full, something killed it.
    """
    run = run_abc2midi(find_program(), made_harmless(abc), timeout_seconds)
    messages = tuple(run.messages[:_MAX_MESSAGE_BYTES].decode("utf-8", errors="replace").splitlines())
    if run.end is End.TOO_SLOW:
        return Conversion(None, messages, f"abc2midi took longer than {timeout_seconds:g} s")
    if run.end is End.TOO_LARGE:
        return Conversion(None, messages, f"abc2midi wrote more than {MAX_FILE_BYTES} bytes")
    if not run.midi:
        return Conversion(None, messages, _first_error(messages) or "abc2midi wrote no MIDI file")
    return Conversion(run.midi, messages, _first_error(messages) or _silence(run.midi))


def made_harmless(abc: str) -> bytes:
    """The text as abc2midi may have it: it opens no file, and no short text stands for a huge tune."""
    content = abc.encode("utf-8", errors="replace")
    content = _READS_A_FILE.sub(_READS_NONE, content)
    if _LONG_NUMBER.search(content) is None:
        return content
    lines = _LINE_END.split(content)
    return b"".join(line if _NOT_MUSIC.match(line) else _LONG_NUMBER.sub(_MAX_NUMBER, line) for line in lines)


def _first_error(messages: tuple[str, ...]) -> str | None:
    return next((line for line in messages if "Error" in line), None)


def _silence(midi: bytes) -> str | None:
    """Why nothing sounds in the MIDI file; None where something does."""
    try:
        return "no note sounds" if is_silent(midi) else None
    except ValueError as error:
        return f"abc2midi wrote a broken file: {error}"
