"""A tune without its repeats: each part once, with the last of its endings.

Source: the ABC standard 2.1, sections 3.1.9, 4.8 and 4.9 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

import re
from itertools import groupby, pairwise, takewhile
from typing import NamedTuple

from musicgen.notation.headers import music_start
from musicgen.notation.lines import ignored_lines, read_field
from musicgen.notation.tokens import SOUNDS, TOKEN

_PART_ORDER = re.compile(r"^[ \t]*P[ \t]*:.*\n", re.MULTILINE)
_NUMBER = re.compile(r"\d+", re.ASCII)
_KEPT_IN_AN_ENDING = frozenset({"line", "field"})


class _Piece(NamedTuple):
    """A token of the body, or a whole line that is not music, of the kind "line"."""

    line: int
    kind: str
    text: str


def without_repeats(text: str) -> str:
    """The tune without repeat signs, without the order of parts in its header, and with one ending per part.

    An ending is left out if a repeat sign ends it and one with a higher number follows. A text without a K:
    line stays as it is.
    """
    start = music_start(text)
    if start == len(text):
        return text
    pieces = _pieces(text[start:])
    left_out = _earlier_endings(pieces)
    kept = [
        piece._replace(text=_once(piece))
        for place, piece in enumerate(pieces)
        if place not in left_out or piece.kind in _KEPT_IN_AN_ENDING
    ]
    lines = [list(line) for _, line in groupby(kept, key=lambda piece: piece.line)]
    # A line left without music would end the tune.
    once = _PART_ORDER.sub("", text[:start]) + "\n".join(
        "".join(piece.text for piece in line)
        for line in lines
        if line[0].kind == "line" or any(piece.text.strip() for piece in line)
    )
    # Without the ending between them, two stray colons are a repeat sign.
    return once if once == text else without_repeats(once)


def _pieces(body: str) -> list[_Piece]:
    lines = body.split("\n")
    ignored = ignored_lines(lines)
    pieces = []
    for number, line in enumerate(lines):
        if number in ignored or read_field(line) or not line.strip():
            pieces.append(_Piece(number, "line", line))
        else:
            pieces += [_Piece(number, str(token.lastgroup), token[0]) for token in TOKEN.finditer(line)]
    return pieces


def _earlier_endings(pieces: list[_Piece]) -> set[int]:
    """The places of the pieces in endings after which the part is repeated."""
    numbers = {
        place: int(number[0])
        for place, piece in enumerate(pieces)
        if piece.kind in ("bar", "ending") and (number := _NUMBER.search(piece.text))
    }
    return {
        place
        for first, second in pairwise(numbers)
        if numbers[first] < numbers[second] and _ends_in_repeat(pieces[first + 1 : second + 1])
        for place in range(first + 1, second)
    }


def _ends_in_repeat(pieces: list[_Piece]) -> bool:
    """Whether a repeat sign follows the last note or rest."""
    after = takewhile(lambda piece: piece.kind not in SOUNDS, reversed(pieces))
    return any(piece.kind == "bar" and ":" in piece.text for piece in after)


def _once(piece: _Piece) -> str:
    if piece.kind == "ending":
        return ""
    is_mark = piece.kind == "bar" and (":" in piece.text or _NUMBER.search(piece.text))
    return "|" if is_mark else piece.text
