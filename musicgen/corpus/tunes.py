"""Text of ABC files to single tunes, and the cleaning of a tune.

A tune begins at a line with an X: field and ends before a blank line or the next X:. What stands between
tunes (file headers, free text) is no tune and is left out, as the ABC standard has it.
"""

import re
from itertools import pairwise

from musicgen.errors import InputError

MOST_CHARACTERS = 100_000
"""Of a tune. The longest of the corpora that are known here has some thousands."""
MOST_TUNES = 200_000
"""Of a corpus. The largest collections on the network have a quarter of that."""

_TUNE_START = re.compile(r"^[ \t]*X[ \t]*:", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*(?=\n)")
_FIELD_LINE = re.compile(r"^([A-Za-z]):(.*)$")
_COMMENT = re.compile(r"(?<!\\)%.*$")
_BLANKS = re.compile(r"[ \t]{2,}|\t")


def split_tunes(text: str) -> list[str]:
    """Cut text with `\\n` line ends into tunes, each as it stands, without the blank lines around it.

    Raises InputError for more tunes than any corpus has.
    """
    starts = [match.start() for match in _TUNE_START.finditer(text)]
    if len(starts) > MOST_TUNES:
        raise InputError(f"{len(starts):,} lines begin a tune with X:; a corpus may have {MOST_TUNES:,}")
    pieces = (text[start:end] for start, end in pairwise([*starts, len(text)]))
    return [_BLANK_LINE.split(piece, maxsplit=1)[0].strip("\n") for piece in pieces]


def clean_tune(tune: str, keep_fields: frozenset[str]) -> str:
    """The tune with only these fields, without comments, directives and old-style `!` line ends.

    Runs of spaces become one: in ABC any number of them ends a beam alike.
    """
    lines = (_clean_line(line, keep_fields) for line in tune.split("\n"))
    return "\n".join(line for line in lines if line)


def _clean_line(line: str, keep_fields: frozenset[str]) -> str:
    if "%" in line:
        line = _COMMENT.sub("", line)
    line = _BLANKS.sub(" ", line).strip()
    field = _FIELD_LINE.match(line)
    if field:
        letter, value = field.groups()
        return f"{letter}:{value.strip()}" if letter in keep_fields else ""
    return line.removesuffix("!").rstrip()


def split_header(tune: str) -> tuple[str, str]:
    """The header, up to and with its K: line, and the body. Without a K: line all of it is header."""
    key_line = re.search(r"^K:.*(?:\n|$)", tune, re.MULTILINE)
    end = key_line.end() if key_line else len(tune)
    return tune[:end], tune[end:]


def normalised_body(tune: str) -> str:
    """The body without white space and `!` line ends: equal for two tunes that differ in layout only."""
    return re.sub(r"\s|!$", "", split_header(tune)[1], flags=re.MULTILINE)
