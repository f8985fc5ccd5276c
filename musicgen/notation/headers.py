"""Information fields of an ABC tune: its header, and the field lines between lines of music.

A field is a line `K:value`; between lines of music, `|` or `:` after the colon makes it music (`G:|`).
The header begins with a field and ends with K:; other lines in it are passed over. Where K: is missing, it
ends before the first line that is no field, so that music without a key still reads as music.
Source: the ABC standard 2.1, sections 2.2 and 3 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

import re

from musicgen.notation.problems import quote

_FIELD = re.compile(r"([A-Zmrsw+]):(?![:|])(.*)", re.DOTALL)
_HEADER_FIELD = re.compile(r"([A-Zmrsw+]):(.*)", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%.*", re.DOTALL)


def split_lines(text: str) -> list[str]:
    """The lines of the text, whichever system ended them; no other character ends a line."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_field(line: str, is_header: bool = False) -> tuple[str, str] | None:
    """(letter, value without comment and outer white space) of a field line; None for any other line."""
    match = (_HEADER_FIELD if is_header else _FIELD).match(line)
    if match is None:
        return None
    return match[1], _COMMENT.sub("", match[2]).strip()


def split_header(text: str) -> tuple[tuple[tuple[str, str], ...], str, str | None]:
    """The header's fields, in order, the text after it, and a problem line where another line stands in it.

    A `+:` line goes on with the value of the field above it. Comments and empty lines are left out.
    """
    lines = split_lines(text)
    fields: list[tuple[str, str]] = []
    other: int | None = None
    num_fields_before_other = 0
    for number, line in enumerate(lines):
        if other is not None and (not fields or not line.strip()):
            break
        if not line.strip() or line.startswith("%"):
            continue
        # Below a field, a value may begin with a colon (`N::1st setting`).
        field = read_field(line, is_header=bool(fields))
        if field is None:
            if other is None:
                other, num_fields_before_other = number, len(fields)
            continue
        fields.append(field)
        if field[0] == "K":
            problem = None if other is None else f"the line {quote(lines[other])} in the header is no field"
            return _joined(fields), "\n".join(lines[number + 1 :]), problem
    if other is None:
        return _joined(fields), "", None
    return _joined(fields[:num_fields_before_other]), "\n".join(lines[other:]), None


def header_field(text: str, letter: str) -> str | None:
    """The value of the header's first field of this letter, or None."""
    return next((value for name, value in split_header(text)[0] if name == letter), None)


def _joined(fields: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The fields with every `+` field's value put behind the one above it."""
    values: list[tuple[str, list[str]]] = []
    for letter, value in fields:
        if letter == "+" and values:
            values[-1][1].append(value)
        else:
            values.append((letter, [value]))
    return tuple((letter, " ".join(parts)) for letter, parts in values)
