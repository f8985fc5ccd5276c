"""The words of ABC music: what each stretch of a music line is, and what the numbers in it mean.

Every pattern is bounded or stops at the next opening bracket, so that reading takes time in proportion to
the text whatever the text is. Whatever fits no pattern is a single character of kind `stray`.
Source: the ABC standard 2.1, section 4 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from musicgen.notation.key import ALTERATION, PITCH_CLASS

MOST_UNITS = 256
"""The largest numerator and denominator of a note length: a whole note in 1/256, and the reverse."""

_LENGTH = r"[\d/]{0,12}"
_NOTE = rf"(?:\^\^|\^|__|_|=)?[A-Ga-g][,']{{0,6}}{_LENGTH}"
NOTE = re.compile(_NOTE, re.ASCII)

TOKEN = re.compile(
    "|".join(
        f"(?P<{kind}>{pattern})"
        for kind, pattern in (
            ("note", _NOTE),
            ("space", r"[\s`]+"),
            ("bar", r"\.?(?::*\[?\|[|\]]*:*|::+)(?:\d[\d,.\-]{0,12})?"),
            ("grace", r"\{[^{}\n]*\}"),
            ("tuplet", r"\(\d{1,3}(?::\d{0,3}){0,2}"),
            ("overlay", r"\(&|&\)?"),
            ("slur", r"\.?\((?![0-9])|\)"),
            ("tie", r"\.?-"),
            ("broken", r">+|<+"),
            ("rest", rf"[zx]{_LENGTH}"),
            ("measures", r"[ZX]\d{0,4}"),
            ("quoted", r'"[^"\n]*"'),
            ("field", r"\[[A-Za-z]:[^\[\]\n]*\]"),
            ("ending", r"\[\d[\d,.\-]{0,12}"),
            # Words in a chord may hold any character.
            ("chord", rf'\[[^\[\]|:"\n]*(?:"[^"\n]*"[^\[\]|:"\n]*)*\]{_LENGTH}'),
            # Letters are decorations before a note; y is space on paper; a lone !, * or $ breaks the line.
            (
                "ornament",
                r"![^!\s|\[\]]{1,40}!|!D\.[CS]\.[A-Za-z. ]{0,40}!"
                r"|(?i:! ?(?:to coda|da capo|dal segno)[a-z ]{0,20}!)"
                r"|! ?(?:fermata|trill|mordent|turn|roll|accent|tenuto|segno|coda|fine) ?!"
                r"|\+(?:[a-z][a-z0-9.()]{0,40}|D\.[CS]\.[A-Za-z. ]{0,20}|[0-5]|[<>][()]?)\+"
                r"|[.~H-Wh-w]|y[\d/]{0,12}",
            ),
            ("linebreak", r"[!*$]|\\(?=\s*(?:%|$))"),
            ("comment", r"%.*"),
            ("stray", r"."),
        )
    ),
    re.ASCII,
)


SOUNDS = frozenset({"note", "chord", "rest", "measures"})
"""Kinds of tokens that take time."""


def split_chord(text: str) -> tuple[str, str]:
    """What a `chord` token has between its brackets, and the length after them."""
    inner, _, length = text[1:].rpartition("]")
    return inner, length


def notes_within(text: str) -> Iterator[re.Match[str]]:
    """The notes of a chord or of grace notes, without their brackets; letters of words and marks are none."""
    return (match for match in TOKEN.finditer(text) if match.lastgroup == "note")


@dataclass(frozen=True, slots=True)
class WrittenNote:
    """A note as spelled, before key signature and unit note length apply."""

    letter: str
    """Capital, C to B."""
    natural_pitch: int
    """MIDI number without any accidental."""
    alteration: int | None
    """Semitones that its own accidental asks for; None where it has none."""
    duration: Fraction
    """In whole notes."""
    problem: str | None


# The unit comes as two integers because a Fraction is slow to look up; tunes are full of equal words.
@lru_cache(maxsize=8192)
def read_note(text: str, unit_numerator: int, unit_denominator: int) -> WrittenNote:
    """The spelling of a `note` token, where a note without a number lasts one unit (in whole notes)."""
    sign = text[: len(text) - len(text.lstrip("^_="))]
    name = text[len(sign)]
    marks_and_length = text[len(sign) + 1 :]
    number = marks_and_length.lstrip(",'")
    marks = marks_and_length[: len(marks_and_length) - len(number)]
    octave = name.islower() + marks.count("'") - marks.count(",")
    length, problem = read_length(number)
    letter = name.upper()
    natural_pitch = 60 + PITCH_CLASS[letter] + 12 * octave
    duration = length * Fraction(unit_numerator, unit_denominator)
    return WrittenNote(letter, natural_pitch, ALTERATION.get(sign), duration, problem)


def read_length(number: str) -> tuple[Fraction, str | None]:
    """A note's length in unit notes: `3`, `3/2`, `/` (a half), `//` (a quarter), `/2/2` (a quarter).

    A length of zero or beyond `MOST_UNITS` reads as 1 and gives a problem line.
    """
    numerator, *denominators = number.split("/")
    over = int(numerator or 1)
    under = 1
    for denominator in denominators:
        under *= int(denominator or 2)
    if 1 <= over <= MOST_UNITS and 1 <= under <= MOST_UNITS:
        return Fraction(over, under), None
    return Fraction(1), f"the note length {number} is out of range"


def read_tuplet(text: str, is_compound: bool) -> tuple[int, Fraction] | None:
    """(how many notes, factor on their lengths) of a `(p:q:r` token; None where it makes no sense.

    p notes last as long as q. Without q, (2 and (4 last 3, (3 and (6 last 2, (8 lasts 3, and (5, (7 and (9
    last 3 in compound meter, 2 otherwise. Without r, p notes are meant.
    """
    p, q, r = ([int(part) if part else 0 for part in text[1:].split(":")] + [0, 0])[:3]
    beats = 3 if is_compound else 2
    q = q or {2: 3, 3: 2, 4: 3, 5: beats, 6: 2, 7: beats, 8: 3, 9: beats}.get(p, 0)
    r = r or p
    if not (1 <= p <= 64 and 1 <= q <= 64 and 1 <= r <= 64):
        return None
    return r, Fraction(q, p)
