"""Cells of CSV files that people open in a spreadsheet, where a text such as =cmd|... is a formula.

Names of runs, errors, titles and prompts may come from somebody else or from a network. An apostrophe makes
a cell text for a spreadsheet; `read_cell` takes it away again, so that what was written is what is read.
"""

import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pandas import DataFrame

Value = TypeVar("Value")
_FORMULA = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|'*[\t\r\n]")
"""A formula's beginning, and what `written_cell` makes of it; some spreadsheets read the wide signs, too."""
_WRITTEN = re.compile(r"'(?='*(?:\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]))")
ESCAPED = re.compile(r"'\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n]")
"""What stands in any text that holds a written cell."""


def written_cell(value: Value) -> Value | str:
    """The value as a file holds it: a text that a spreadsheet would compute gets an apostrophe."""
    if not isinstance(value, str) or not _FORMULA.match(value) or _is_number(value):
        return value
    return f"'{value}"


def read_cell(text: str) -> str:
    """The text that `written_cell` was given."""
    return text[1:] if _WRITTEN.match(text) else text


def written_table(table: "DataFrame") -> "DataFrame":
    """The table with all its names and texts as a file holds them.

    A carriage return, at which readers begin a row and pandas does not quote, becomes a space.
    """
    from pandas import Series

    written = table.rename(columns=lambda name: written_cell(_without_returns(name)))
    for place, dtype in enumerate(table.dtypes):
        if dtype.kind not in "biufM":
            # As they are: pandas would make 33 beside an empty cell 33.0.
            cells = [written_cell(_without_returns(cell)) for cell in table.iloc[:, place]]
            written.isetitem(place, Series(cells, index=table.index, dtype=object))
    return written


def _without_returns(value: Value) -> Value | str:
    return value.replace("\r", " ") if isinstance(value, str) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
