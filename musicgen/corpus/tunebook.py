"""Splits the text of ABC files into tunes.

A tune starts at an X: field and ends before an empty line or the next X:. Text between tunes is ignored. The
fields above the first tune of a file are defaults, and are inserted into tunes that do not set them.
Source: the ABC standard 2.1, section 2.2 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from musicgen.errors import InputError
from musicgen.notation.headers import split_header
from musicgen.notation.lines import Line, body_lines, read_field, text_blocks
from musicgen.notation.tokens import TOKEN

MAX_TUNES = 1_000_000
"""Limit for a corpus, as 200 MB of short tunes. The largest collection known, IrishMAN, has 216,284."""
FILE_START = "\ufeff"
"""Separates joined files; some programs write this byte order mark themselves."""

_X = r"[ \t]*X[ \t]*:(?![|:])"
_TUNE_START = re.compile(rf"^{_X}", re.MULTILINE)
_EMPTY_LINE = re.compile(r"\n[ \t]*(?=\n)")
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_VERSION_MARKS = re.compile(
    rf"(?P<header>^{_X})|(?P<body>^[ \t]*(?:K[ \t]*:|$))|(?P<version>(?<!%)%abc(?:-[\d.]+)?[ \t]*$)",
    re.MULTILINE,
)
_FILE_FIELDS = frozenset("ABCDFGHLMNORSZUm")
"""The fields that the standard allows in a file header, except instructions (I:) and remarks (r:)."""
_REPEATABLE_FIELDS = frozenset("Um")
_NOTATION = frozenset({"note", "rest", "chord", "measures", "bar"})
_KEY = re.compile(r"(?m)^ *K *:")
_TITLE_OR_KEY = re.compile(r"(?m)^ *[TK] *:")


@dataclass(frozen=True, slots=True)
class Tunebook:
    """The tunes of a text."""

    tunes: list[str]
    """The text of each, plus the fields of the file header that it lacks; without surrounding empty lines."""
    num_without_number: int = 0
    """Paragraphs with title, key and music but no X: field, which are not tunes."""
    num_cut: int = 0
    """Tunes with more music below an empty line, which is dropped."""

    @property
    def num_read(self) -> int:
        """Number of tunes, including those dropped for want of an X: field."""
        return len(self.tunes) + self.num_without_number

    @property
    def dropped(self) -> dict[str, int]:
        """Reason -> number of dropped tunes."""
        return {"without X:": self.num_without_number} if self.num_without_number else {}


def describe_reading(tunes_read: int, dropped: Mapping[str, int], num_cut: int) -> str:
    """Say how many tunes were read, dropped for which reasons, and cut short."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "none"
    cut = f"; {num_cut} cut short, with music below an empty line" if num_cut else ""
    return f"{tunes_read} tunes read, dropped: {reasons}{cut}"


def read_tunebook(text: str) -> Tunebook:
    """Split text with `\\n` line ends into tunes. Raises InputError for more than `MAX_TUNES`."""
    num_tunes = len(_TUNE_START.findall(text))
    if num_tunes > MAX_TUNES:
        raise InputError(f"{num_tunes:,} X: fields; a corpus may have at most {MAX_TUNES:,} tunes")
    books = [_split_file(file) for file in _files(text)]
    return Tunebook(
        [tune for book in books for tune in book.tunes],
        sum(book.num_without_number for book in books),
        sum(book.num_cut for book in books),
    )


def _files(joined: str) -> Iterator[str]:
    """The text of each of the joined files.

    All but the first start with a byte order mark or with `%abc`, which belongs at the top of a file. In a
    tune's header that line is a comment.
    """
    for text in _parts(joined):
        start, in_header = 0, False
        for match in _VERSION_MARKS.finditer(text) if "%abc" in text else ():
            if match.lastgroup != "version":
                in_header = match.lastgroup == "header"
            elif not in_header:
                yield text[start : match.start()]
                start = match.end()
        yield text[start:]


def _parts(joined: str) -> Iterator[str]:
    """The text between byte order marks. A mark that an editor left inside a tune separates nothing."""
    pieces: list[str] = []
    has_tune = needs_key = False
    for piece in joined.split(FILE_START):
        starts = [match.start() for match in _TUNE_START.finditer(piece)]
        begins = bool(starts) or (_TITLE_OR_KEY.search(piece) is not None and not needs_key)
        if pieces and (begins or not has_tune):
            yield "".join(pieces)
            pieces = []
        pieces.append(piece)
        if starts:
            has_tune, needs_key = True, _KEY.search(piece, starts[-1]) is None
        elif needs_key:
            needs_key = _KEY.search(piece) is None
    yield "".join(pieces)


def _split_file(text: str) -> Tunebook:
    plain = _without_blocks(text)
    starts = [match.start() for match in _TUNE_START.finditer(plain)]
    top = plain[: starts[0] if starts else len(plain)]
    defaults = _file_header(top)
    tunes, num_cut, num_without_number = [], 0, _count_tunes(top)
    for start, end in pairwise([*starts, len(text)]):
        empty_line = _EMPTY_LINE.search(plain, start, end)
        tune_end = end if empty_line is None else empty_line.start()
        tune = text[start:tune_end].strip("\n")
        tunes.append(_with_defaults(tune, defaults) if defaults else tune)
        below = plain[tune_end:end]
        if below and not below.isspace():
            next_paragraph = _PARAGRAPHS.split(below.strip("\n"))[0]
            num_without_number += _count_tunes(below)
            num_cut += _has_music(next_paragraph) and not _count_tunes(next_paragraph)
    return Tunebook(tunes, num_without_number, num_cut)


def _without_blocks(text: str) -> str:
    """The text with every text block overwritten by comment signs; its length does not change."""
    if "%%" not in text:
        return text
    lines, plain, place = text.split("\n"), [], 0
    for first, end in text_blocks(lines):
        if end is not None:
            plain += [*lines[place:first], "%" * len("\n".join(lines[first:end]))]
            place = end
    return "\n".join([*plain, *lines[place:]])


def _file_header(top: str) -> list[tuple[str, str]]:
    """The fields above the first tune that are defaults for every tune, in order.

    Only paragraphs that consist of fields count. A paragraph with a title is a tune without music.
    """
    header: list[tuple[str, str]] = []
    for paragraph in _PARAGRAPHS.split(top.strip("\n")):
        fields = [line.field for line in body_lines(paragraph)]
        known = [field for field in fields if field is not None]
        if len(known) == len(fields) and not any(letter == "T" for letter, _ in known):
            header += [(letter, value) for letter, value in known if letter in _FILE_FIELDS]
    return header


def _with_defaults(tune: str, defaults: list[tuple[str, str]]) -> str:
    """The tune with the default fields that its header lacks, inserted below number and title."""
    own = {letter for letter, _ in split_header(tune)[0]}
    missing = [
        f"{letter}:{value}" for letter, value in defaults if letter not in own or letter in _REPEATABLE_FIELDS
    ]
    lines = tune.split("\n")
    place = 1
    while place < len(lines) and (field := read_field(lines[place], is_header=True)) and field[0] in "T+":
        place += 1
    return "\n".join([*lines[:place], *missing, *lines[place:]])


def _count_tunes(text: str) -> int:
    """Number of paragraphs that only lack an X: field to be a tune: they have a title, a key and music."""
    return sum(
        re.search(r"^[ \t]*T[ \t]*:", paragraph, re.MULTILINE) is not None
        and re.search(r"^[ \t]*K[ \t]*:", paragraph, re.MULTILINE) is not None
        and _has_music(paragraph)
        for paragraph in _PARAGRAPHS.split(text)
    )


def _has_music(paragraph: str) -> bool:
    return any(line.field is None and _is_music(line) for line in body_lines(paragraph))


def _is_music(line: Line) -> bool:
    """Whether a line has a bar line and consists mostly of notes, unlike prose."""
    tokens = [(match.lastgroup, len(match[0])) for match in TOKEN.finditer(line.text)]
    length = sum(size for kind, size in tokens if kind != "space")
    of_music = sum(size for kind, size in tokens if kind in _NOTATION)
    return any(kind == "bar" for kind, _ in tokens) and 2 * of_music > length
