"""Tunes in tables: a JSON list of objects, an object on each line (JSON Lines), or CSV.

The field `abc` or `abc notation` contains a whole tune, as in IrishMAN, or only its music, as in the data of
thesession.org. The fields of the second kind then make the header: setting_id, name, type, meter and mode.
Source: https://github.com/adactio/TheSession-data
"""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence

from musicgen.corpus.tunebook import FILE_START, MAX_TUNES
from musicgen.errors import InputError
from musicgen.notation.lines import read_field, with_newlines
from musicgen.notation.problems import quote
from musicgen.notation.tokens import TOKEN

Row = Mapping[str, object]
"""The fields of a tune by their names in small letters."""

_ABC = ("abc", "abc notation")
_EXPECTED = 'expected a list of objects with a field "abc" or "abc notation"'
_DELIMITERS = ",;\t"
_MAX_NAMED_FIELDS = 10
_MAX_HEADER = 100_000
_HEADER = (("T", ("name",)), ("R", ("type",)), ("M", ("meter",)))
_KEY = ("mode", "key")
_UNIT = "L:1/8"
"""The unit of every setting of thesession.org."""
# JSON can spell characters that no text file should contain.
_STRANGE = re.compile("[\0\x1a\ufeff\ud800-\udfff]")


def read_json(text: str, name: str) -> str:
    """The tunes of a JSON file as ABC. Of equal keys in an object the last counts; NaN counts as missing.

    Raises InputError if it is not JSON, not a list of objects, or no object has a field with ABC.
    """
    try:
        entries = _parse(text)
    except RecursionError:
        raise InputError(f"data.path: {name} is nested too deeply; {_EXPECTED}") from None
    except ValueError as error:
        raise InputError(f"data.path: {name} is not valid JSON: {error}; {_EXPECTED}") from error
    # A file of JSON Lines may have one line.
    entries = [entries] if isinstance(entries, dict) else entries
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"data.path: {name} contains other JSON; {_EXPECTED}")
    rows = [{key.strip().lower(): value for key, value in entry.items()} for entry in entries]
    fields = list(dict.fromkeys(field for row in rows for field in row))
    _check_fields(fields, name)
    return _to_abc(rows, name)


def _parse(text: str) -> object:
    # Only texts matter: numbers stay texts, so that their size does not.
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=lambda _: None)
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise
        return [decoder.decode(line) for line in text.split("\n") if line.strip()]


def read_csv(text: str, name: str) -> str:
    """The tunes of a CSV file as ABC, with commas, semicolons or tabs between its fields.

    Raises InputError if no column has ABC, or a line has more or fewer fields than the first.
    """
    text = text.lstrip("\n")
    headers = [_header(text, delimiter) for delimiter in _DELIMITERS]
    found = [place for place, header in enumerate(headers) if not set(_ABC).isdisjoint(header)]
    place = found[0] if found else 0
    _check_fields(headers[place], name)
    return _to_abc(_csv_rows(text, _DELIMITERS[place], headers[place], name), name)


def _header(text: str, delimiter: str) -> list[str]:
    first_line = text.partition("\n")[0]
    # The field size is limited, and names of fields are short.
    cells = next(csv.reader([first_line[:_MAX_HEADER]], delimiter=delimiter), [])
    return [cell.strip().lower() for cell in cells]


def _csv_rows(text: str, delimiter: str, header: Sequence[str], name: str) -> list[Row]:
    rows = []
    lines = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        next(lines)
        for cells in lines:
            if cells and len(cells) != len(header):
                raise InputError(
                    f"data.path: {name}, line {lines.line_num}: {len(cells)} fields, but the first line has "
                    f"{len(header)}; a field with {delimiter!r} or a line break needs quotation marks"
                )
            if cells:
                rows.append(dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise InputError(
            f"data.path: {name}, line {lines.line_num}: {error}; is a quotation mark missing?"
        ) from error
    return rows


def _check_fields(fields: Sequence[str], name: str) -> None:
    if not any(field in _ABC for field in fields):
        found = ", ".join(map(quote, fields[:_MAX_NAMED_FIELDS])) or "none"
        raise InputError(f'data.path: {name} has no field "abc" or "abc notation"; its fields: {found}')


def _to_abc(rows: Sequence[Row], name: str) -> str:
    """Every row as a tune, so that those without music are counted when they are dropped."""
    if len(rows) > MAX_TUNES:
        raise InputError(f"data.path: {name} has {len(rows):,} tunes; at most {MAX_TUNES:,} are allowed")
    # As separate files, no tune can hide others by a text block that it leaves open.
    return f"\n{FILE_START}".join(_tune(row, number) for number, row in enumerate(rows, 1))


def _tune(row: Row, number: int) -> str:
    abc = with_newlines(_text(row, _ABC)).strip("\n")
    first = read_field(abc.partition("\n")[0])
    if first is not None and first[0] == "X":
        return abc
    identifier = _text(row, ("setting_id",))
    lines = [f"X:{identifier if identifier.isascii() and identifier.isdecimal() else number}"]
    if key := _line(row, _KEY):
        fields = [(letter, _line(row, names)) for letter, names in _HEADER]
        lines += [f"{letter}:{value}" for letter, value in fields if value]
        lines += [_UNIT, f"K:{key}"]
    # A row is one tune, so an empty line in it does not end the tune.
    lines += [line for line in _broken_lines(abc) if line.strip()]
    return "\n".join(lines)


def _broken_lines(abc: str) -> list[str]:
    """The lines, with a line break for every `!` that is one, as in music written for older programs."""
    if "!" not in abc:
        return abc.split("\n")
    return "\n".join(map(_broken_line, abc.split("\n"))).split("\n")


def _broken_line(line: str) -> str:
    if "!" not in line or read_field(line) is not None:
        return line
    words = ((match.lastgroup, match[0]) for match in TOKEN.finditer(line))
    return "".join("\n" if (kind, text) == ("linebreak", "!") else text for kind, text in words)


def _text(row: Row, names: Sequence[str]) -> str:
    """The first of these fields that is text, or ""."""
    value = next((row[name] for name in names if isinstance(row.get(name), str)), "")
    return _STRANGE.sub("", str(value))


def _line(row: Row, names: Sequence[str]) -> str:
    return " ".join(_text(row, names).split())
