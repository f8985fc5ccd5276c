"""The lines of ABC text: fields with their continuations, music, ignored lines, and the first voice.

A field is a line `K:value`. In the body, `|` or `:` after the colon makes the line music if the letter is a
note, a rest or a spacer (`G:|`), but not otherwise (`w:|la la`). A `+:` line continues the field above it.
Comments, directives (`%%`) and text blocks (`%%begintext` to `%%endtext`, and any other `%%begin…`) are
ignored.
Source: the ABC standard 2.1, sections 2.2, 3 and 11.4.5 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

# The standard forbids blanks before the letter or the colon, but such a line can only be a field.
_FIELD = re.compile(r"[ \t]*([H-WYh-w+]|[A-Za-z](?=[ \t]*:(?![|:])))[ \t]*:(.*)", re.DOTALL)
_HEADER_FIELD = re.compile(r"[ \t]*([A-Za-z+])[ \t]*:(.*)", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%.*", re.DOTALL)
_BLOCK_MARK = re.compile(r"%%[ \t]*(begin|end)([a-z]+)")


class Line(NamedTuple):
    """A line of a tune's body that is not ignored. An empty line may end the tune."""

    start: int
    """Offset in the body."""
    text: str
    field: tuple[str, str] | None
    """(letter, value with continuations); None for music and for an empty line."""


def with_newlines(text: str) -> str:
    """The text with `\\n` for `\\r\\n` and for `\\r`."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_lines(text: str) -> list[str]:
    """Split at `\\n`, `\\r\\n` and `\\r` only."""
    return with_newlines(text.removeprefix("\ufeff")).split("\n")


def read_field(line: str, is_header: bool = False) -> tuple[str, str] | None:
    """(letter, value without comment and surrounding white space) of a field line; None for other lines."""
    match = (_HEADER_FIELD if is_header else _FIELD).match(line)
    if match is None:
        return None
    letter, value = match.groups()
    return letter, (_COMMENT.sub("", value) if "%" in value else value).strip()


def text_blocks(lines: Sequence[str]) -> Iterator[tuple[int, int | None]]:
    """(first line, line after the last) of every text block.

    The second is None for a block that is never closed: another block of its kind begins, or the text ends.
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
    """Whether a text block is never closed."""
    return "%%" in text and any(end is None for _, end in text_blocks(split_lines(text)))


def ignored_lines(lines: Sequence[str]) -> set[int]:
    """Numbers of the lines of a tune that are comments, directives or part of a text block.

    A block that is never closed extends to the end of the tune, since nothing marks where music resumes.
    """
    comments = {number for number, line in enumerate(lines) if "%" in line and line.lstrip(" \t")[0] == "%"}
    for first, end in text_blocks(lines) if comments else ():
        comments.update(range(first, len(lines) if end is None else end))
        if end is None:
            break
    return comments


def body_lines(body: str) -> Iterator[Line]:
    """The lines of a tune's body that are not ignored, with each `+:` line joined to its field."""
    lines = split_lines(body)
    ignored = ignored_lines(lines)
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
    """The field line with its value extended; a `+:` line below music is dropped."""
    if line is None or line.field is None:
        return None
    letter, begun = line.field
    return line._replace(field=(letter, f"{begun} {value}".strip()))


_EVERY_VOICE = "*"
_DEFAULT_VOICE = "1"


class FirstVoice:
    """Tracks the V: fields of a tune, to tell its first voice from the others, which are not read.

    Source: the ABC standard 2.1, section 7.
    """

    def __init__(self, header: Iterable[tuple[str, str]]) -> None:
        """header: (letter, value) of each field; the first voice is the first that it names, if any."""
        names = (_voice_name(value) for letter, value in header if letter == "V")
        self.name = next((name for name in names if name != _EVERY_VOICE), None)
        self.is_here = True
        """Whether the text that follows belongs to the first voice."""

    def change(self, value: str, has_music: bool) -> None:
        """Apply a V: field. has_music: whether notes or rests precede it."""
        name = _voice_name(value)
        if name == _EVERY_VOICE:
            return
        if self.name is None:
            # Music before any V: belongs to voice 1.
            self.name = _DEFAULT_VOICE if has_music else name
        self.is_here = name == self.name


def _voice_name(value: str) -> str:
    """The voice named by a V: field, without its properties. As in abc2midi, an empty field is voice 1."""
    return (value.split(maxsplit=1) or [_DEFAULT_VOICE])[0]
