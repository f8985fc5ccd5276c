"""The tokens of a line of ABC music, and the meaning of the numbers in them.

Every pattern is bounded or stops at the next opening bracket, so tokenising takes linear time on any text. A
character that matches no other pattern is a token of kind `stray`.
Source: the ABC standard 2.1, section 4 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from musicgen.notation.key import ALTERATION, PITCH_CLASS

MAX_UNITS = 256
"""Limit of the numerator and the denominator of a note length."""

_LENGTH = r"[\d/]{0,12}"
_NOTE = rf"(?:\^\^|\^|__|_|=)?[A-Ga-g][,']{{0,6}}{_LENGTH}"

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
            # Quoted text in a chord may contain any character.
            ("chord", rf'\[[^\[\]|:"\n]*(?:"[^"\n]*"[^\[\]|:"\n]*)*\]{_LENGTH}'),
            # Single letters are decorations, y is a spacer, and a lone !, * or $ breaks the line.
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
"""Kinds of tokens that have a duration."""


def split_chord(text: str) -> tuple[str, str]:
    """The text between the brackets of a `chord` token, and the length after them."""
    inner, _, length = text[1:].rpartition("]")
    return inner, length


def notes_within(text: str) -> Iterator[re.Match[str]]:
    """The `note` tokens inside a chord or grace notes; skips letters of annotations and decorations."""
    return (match for match in TOKEN.finditer(text) if match.lastgroup == "note")


Spelling = tuple[str, int]
"""Letter, and MIDI number without accidentals."""


@dataclass(frozen=True, slots=True)
class SpelledNote:
    """A note as spelled, before the key signature applies."""

    letter: str
    """Capital, A to G."""
    natural_pitch: int
    """MIDI number without accidentals."""
    alteration: int | None
    """Semitones of its explicit accidental; None without one."""
    duration: Fraction
    """In whole notes."""
    problem: str | None

    @property
    def spelling(self) -> Spelling:
        """What the notes on both sides of a drawn tie have in common."""
        return self.letter, self.natural_pitch


# The unit is passed as two integers because hashing a Fraction is slow. Tunes repeat the same tokens.
@lru_cache(maxsize=8192)
def read_note(text: str, unit_numerator: int, unit_denominator: int) -> SpelledNote:
    """Read a `note` token. A note without a number lasts unit_numerator / unit_denominator whole notes."""
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
    return SpelledNote(letter, natural_pitch, ALTERATION.get(sign), duration, problem)


def read_length(number: str) -> tuple[Fraction, str | None]:
    """A note's length in unit notes: `3`, `3/2`, `/` (a half), `//` (a quarter), `/2/2` (a quarter).

    A length of zero or beyond `MAX_UNITS` reads as 1 and is a problem.
    """
    numerator, *denominators = number.split("/")
    over = int(numerator or 1)
    under = 1
    for denominator in denominators:
        under *= int(denominator or 2)
    if 1 <= over <= MAX_UNITS and 1 <= under <= MAX_UNITS:
        return Fraction(over, under), None
    return Fraction(1), f"note length {number} is out of range"


def read_tuplet(text: str, is_compound: bool) -> tuple[int, Fraction] | None:
    """(number of notes r, factor q / p on their durations) of a `(p:q:r` token; None if it is invalid.

    p notes are played in the time of q. The default of q is 3 for p = 2, 4, 8; 2 for p = 3, 6; and for
    p = 5, 7, 9 it is 3 in compound meter and 2 otherwise. The default of r is p.
    """
    p, q, r = ([int(part) if part else 0 for part in text[1:].split(":")] + [0, 0])[:3]
    beats = 3 if is_compound else 2
    q = q or {2: 3, 3: 2, 4: 3, 5: beats, 6: 2, 7: beats, 8: 3, 9: beats}.get(p, 0)
    r = r or p
    if not (1 <= p <= 64 and 1 <= q <= 64 and 1 <= r <= 64):
        return None
    return r, Fraction(q, p)
