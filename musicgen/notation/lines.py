"""The lines of ABC text: fields with their continuations, music, and what a reader passes over.

A field is a line `K:value`. Between lines of music, `|` or `:` after the colon makes it music if the letter
is a note, a rest or space (`G:|`), but not otherwise (`w:|la la`). A `+:` line continues the field above it.
Comments, directives (`%%`) and blocks of text (`%%begintext` to `%%endtext`, and any other `%%begin…`) are
neither.
Source: the ABC standard 2.1, sections 2.2, 3 and 11.4.5 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Blanks before the letter and the colon break the standard, but mean nothing else.
_FIELD = re.compile(r"[ \t]*([H-WYh-w+]|[A-Za-z](?=[ \t]*:(?![|:])))[ \t]*:(.*)", re.DOTALL)
_HEADER_FIELD = re.compile(r"[ \t]*([A-Za-z+])[ \t]*:(.*)", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%.*", re.DOTALL)
_BLOCK_MARK = re.compile(r"%%[ \t]*(begin|end)([a-z]+)")


class Line(NamedTuple):
    """A line of a tune's body that a reader has to look at; an empty one may end the tune."""

    start: int
    """Its place in the body."""
    text: str
    field: tuple[str, str] | None
    """(letter, value), continuations included; None for music and for an empty line."""


def split_lines(text: str) -> list[str]:
    """The lines of the text, whichever system ended them; no other character ends a line."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_field(line: str, is_header: bool = False) -> tuple[str, str] | None:
    """(letter, value without comment and outer white space) of a field line; None for any other line."""
    match = (_HEADER_FIELD if is_header else _FIELD).match(line)
    if match is None:
        return None
    letter, value = match.groups()
    return letter, (_COMMENT.sub("", value) if "%" in value else value).strip()


def text_blocks(lines: Sequence[str]) -> Iterator[tuple[int, int | None]]:
    """(first line, line after the last) of every text block.

    The second is None for a block without an end of its own: another of its kind begins, or the lines end.
    """
    begun: tuple[int, str] | None = None
    for number, line in enumerate(lines):
        mark = _BLOCK_MARK.match(line)
        if mark is None or (begun is not None and mark[2] != begun[1]):
            continue
        if mark[1] == "begin":
            if begun is not None:
                yield begun[0], None
            begun = number, mark[2]
        elif begun is not None:
            yield begun[0], number + 1
            begun = None
    if begun is not None:
        yield begun[0], None


def has_open_block(text: str) -> bool:
    """Whether a text block begins that does not end."""
    return "%%" in text and any(end is None for _, end in text_blocks(split_lines(text)))


def passed_over(lines: Sequence[str]) -> set[int]:
    """Numbers of the lines of one tune that are comments, directives or in a text block.

    A block without end takes the rest of the tune: where its words stop and music begins, nothing says.
    """
    comments = {number for number, line in enumerate(lines) if "%" in line and line.lstrip(" \t")[0] == "%"}
    for first, end in text_blocks(lines) if comments else ():
        comments.update(range(first, len(lines) if end is None else end))
        if end is None:
            break
    return comments


def body_lines(body: str) -> Iterator[Line]:
    """The lines of a tune's body but for those that a reader passes over; `+:` joined to its field."""
    lines = split_lines(body)
    ignored = passed_over(lines)
    start = 0
    field_line: Line | None = None
    for number, text in enumerate(lines):
        if number not in ignored:
            line = Line(start, text, read_field(text))
            if line.field is not None and line.field[0] == "+":
                field_line = _continued(field_line, line.field[1])
            else:
                if field_line is not None:
                    yield field_line
                field_line = line if line.field is not None else None
                if field_line is None:
                    yield line
        start += len(text) + 1
    if field_line is not None:
        yield field_line


def _continued(line: Line | None, value: str) -> Line | None:
    """The field line with a further part of its value; after music, such a part continues nothing."""
    if line is None or line.field is None:
        return None
    letter, begun = line.field
    return line._replace(field=(letter, f"{begun} {value}".strip()))
