"""Removes marks that do not belong to the melody: fingering, bowing, named decorations, quoted text.

Single letters other than u and v stay: `~` and `T` are the ornaments that players of these tunes write.
Source: the ABC standard 2.1, sections 4.14, 4.18 and 4.19.
"""

import re
from collections import Counter
from collections.abc import Iterable

from musicgen.notation.lines import read_field
from musicgen.notation.tokens import TOKEN, split_chord

FINGERING, BOWING, DECORATION = "fingerings", "bowings", "decorations"
ANNOTATION, CHORD_SYMBOL = "annotations", "chord symbols"
_HINTS = re.compile(r'["uv]|!.*!|\+.*\+')
_BOWINGS = frozenset({"u", "v", "upbow", "downbow"})
_PLACEMENTS = ('"^', '"_', '"<', '">', '"@')
"""How an annotation begins; other quoted text is a chord symbol."""


def without_marks(line: str, *, keep_chord_symbols: bool) -> tuple[str, Counter[str]]:
    """The line without marks, and how many it had of each kind.

    Its other tokens stay as they are. A line that would read differently without its marks keeps them.
    """
    if _HINTS.search(line) is None:
        return line, Counter()
    words, dropped = _kept_words(line, keep_chord_symbols)
    if dropped:
        expected = _without_spaces(words)
        # A space keeps the tokens on both sides apart where they would read as one.
        for gap in ("", " "):
            text = "".join(gap if word is None else word for word in words)
            if read_field(text) is None and _without_spaces(map(_text, TOKEN.finditer(text))) == expected:
                return text, dropped
    return line, Counter()


def _text(match: re.Match[str]) -> str:
    return match[0]


def _without_spaces(words: Iterable[str | None]) -> list[str]:
    return [word for word in words if word is not None and not word.isspace()]


def _kept_words(text: str, keep_chord_symbols: bool) -> tuple[list[str | None], Counter[str]]:
    """The tokens, with None in the place of each mark; and the number of marks of each kind."""
    words: list[str | None] = []
    dropped: Counter[str] = Counter()
    for match in TOKEN.finditer(text):
        word: str | None = match[0]
        kind = _mark(match)
        if match.lastgroup in ("chord", "grace"):
            word, within = _without_marks_inside(match, keep_chord_symbols)
            dropped += within
        elif kind is not None and not (keep_chord_symbols and kind == CHORD_SYMBOL):
            word = None
            dropped[kind] += 1
        words.append(word)
    return words, dropped


def _mark(token: re.Match[str]) -> str | None:
    """The kind of mark that a token is; None if it belongs to the music."""
    text = token[0]
    if token.lastgroup == "quoted":
        return ANNOTATION if text.startswith(_PLACEMENTS) else CHORD_SYMBOL
    if token.lastgroup != "ornament":
        return None
    name = text[1:-1].strip() if text[0] in "!+" else text
    if name in _BOWINGS:
        return BOWING
    if text[0] not in "!+":
        return None
    return FINGERING if re.fullmatch("[0-5]", name) else DECORATION


def _without_marks_inside(token: re.Match[str], keep_chord_symbols: bool) -> tuple[str, Counter[str]]:
    """A chord or grace notes without the marks between the brackets."""
    if token.lastgroup == "grace":
        inner, after = token[0][1:-1], "}"
    else:
        inner, length = split_chord(token[0])
        after = f"]{length}"
    # Readers expect the tie of a note in a chord right after it.
    if "-" in inner:
        return token[0], Counter()
    text, dropped = without_marks(inner, keep_chord_symbols=keep_chord_symbols)
    return token[0][0] + text.strip() + after, dropped
