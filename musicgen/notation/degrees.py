"""Spells notes as degrees: shifts every letter so that the tonic of the K: in force becomes C, and back.

In K:D, `d2 FA` becomes `c2 EG`. Keys of the same mode then share their melodies, as they do for a listener.
Only the letters and octave marks of notes change: accidentals are relative to the key signature in both
spellings, and fields, quoted text and decorations stay as they are. Spelling back gives the original text,
except that octaves are written the usual way (`c`, not `C'`).
"""

import re
from functools import lru_cache

from musicgen.notation.lines import read_field

_LETTERS = "CDEFGAB"
_STEPS = len(_LETTERS)
_NOTE_OR_SKIPPED = re.compile(
    r"""(?P<key>\[K:[^\]\n]*\])|\[[A-Za-z]:[^\]\n]*\]|"[^"\n]*"|![^!\s|\[\]]{1,40}!|%.*|(?P<note>[A-Ga-g][,']*)"""
)
# Text that may have to be skipped, and octave marks that may have to change. Other lines need no tokens.
_SPECIAL_DOWN = re.compile(r"""[\["!%']|[a-g],""")
_SPECIAL_UP = re.compile(r"""[\["!%',]""")
_TONIC = re.compile(r"\s*([A-G])")
_BAGPIPES = re.compile(r"\s*H[Pp]")


def to_degrees(text: str) -> str:
    """The ABC text of a tune, or its beginning, with notes spelled as degrees."""
    return _respelled(text, -1)


def from_degrees(text: str) -> str:
    """The ABC text whose notes `to_degrees` spelled as degrees."""
    return _respelled(text, 1)


def _respelled(text: str, direction: int) -> str:
    """Shift the notes down (-1) or up (1) by the steps from C to the tonic."""
    lines, in_body, shift = text.split("\n"), False, 0
    for number, line in enumerate(lines):
        field = read_field(line, is_header=not in_body)
        if field is not None:
            if field[0] == "K":
                in_body, shift = True, direction * _steps_to_tonic(field[1], abs(shift))
        elif in_body:
            lines[number], shift = _respelled_line(line, shift, direction)
    return "\n".join(lines)


def _respelled_line(line: str, shift: int, direction: int) -> tuple[str, int]:
    """The line, and the shift after its last inline key."""
    if (_SPECIAL_UP if shift > 0 else _SPECIAL_DOWN).search(line) is None:
        return line.translate(_table(shift)), shift

    def respell(match: re.Match[str]) -> str:
        nonlocal shift
        if match["key"]:
            shift = direction * _steps_to_tonic(match["key"][3:-1], abs(shift))
        return _shifted(match["note"], shift) if match["note"] else match[0]

    return _NOTE_OR_SKIPPED.sub(respell, line), shift


def _steps_to_tonic(value: str, before: int) -> int:
    """Steps from C up to the tonic of a K: value; unchanged if the value names none, such as a clef."""
    if _BAGPIPES.match(value):
        return _LETTERS.index("A")
    tonic = _TONIC.match(value)
    return _LETTERS.index(tonic[1]) if tonic else before


@lru_cache(maxsize=2 * _STEPS)
def _table(steps: int) -> dict[int, str]:
    """What `str.translate` puts for each letter without marks, moved by this many steps."""
    return {ord(letter): _shifted(letter, steps) for letter in _LETTERS + _LETTERS.lower()}


@lru_cache(maxsize=4096)
def _shifted(note: str, steps: int) -> str:
    """A letter with its octave marks, moved by this many steps."""
    letter, marks = note[0], note[1:]
    octave = letter.islower() + marks.count("'") - marks.count(",")
    octave, place = divmod(octave * _STEPS + _LETTERS.index(letter.upper()) + steps, _STEPS)
    return _LETTERS[place] + "," * -octave if octave < 1 else _LETTERS[place].lower() + "'" * (octave - 1)
