"""The header of an ABC tune: from its first field to K:. Lines that are not fields are skipped.

Without a K: field, the header ends before the first such line, so that music without a key is still music.
Source: the ABC standard 2.1, sections 2.2 and 3 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

import re

from musicgen.notation.lines import ignored_lines, read_field, split_lines
from musicgen.notation.problems import quote

_KEY_LINE = re.compile(r"^[ \t]*K[ \t]*:.*(?:\n|$)", re.MULTILINE)


def split_header(text: str) -> tuple[tuple[tuple[str, str], ...], str, str | None]:
    """The header's (letter, value) fields in order, the text after it, and a problem if it has other lines.

    A `+:` line continues the value of the field above it. Comments, text blocks and empty lines are skipped.
    """
    lines = split_lines(text)
    ignored = ignored_lines(lines)
    fields: list[tuple[str, str]] = []
    other: int | None = None
    num_fields_before_other = 0
    for number, line in enumerate(lines):
        if number in ignored:
            continue
        if other is not None and (not fields or not line.strip()):
            break
        if not line.strip():
            continue
        # After the first field, a value may begin with a colon (`N::1st setting`).
        field = read_field(line, is_header=bool(fields))
        if field is None:
            if other is None:
                other, num_fields_before_other = number, len(fields)
            continue
        fields.append(field)
        if field[0] == "K":
            problem = None if other is None else f"header line {quote(lines[other])} is not a field"
            end = number + 1
            while end < len(lines) and (more := read_field(lines[end])) is not None and more[0] == "+":
                fields.append(more)
                end += 1
            return _joined(fields), "\n".join(lines[end:]), problem
    if other is None:
        return _joined(fields), "", None
    return _joined(fields[:num_fields_before_other]), "\n".join(lines[other:]), None


def header_field(text: str, letter: str) -> str | None:
    """Value of the first header field with this letter, or None."""
    return next((value for name, value in split_header(text)[0] if name == letter), None)


def music_start(tune: str) -> int:
    """Where the music begins, below the K: line; the length of a text without one."""
    key = _KEY_LINE.search(tune)
    return len(tune) if key is None else key.end()


def _joined(fields: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The fields, with the value of every `+` field appended to the field above it."""
    values: list[tuple[str, list[str]]] = []
    for letter, value in fields:
        if letter == "+" and values:
            values[-1][1].append(value)
        else:
            values.append((letter, [value]))
    return tuple((letter, " ".join(filter(None, parts))) for letter, parts in values)
