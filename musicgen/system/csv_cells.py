"""CSV cells that are safe to open in a spreadsheet, where text such as =cmd|... is a formula.

Names of runs, errors, titles and prompts may come from somebody else or from a network. A leading apostrophe
makes a spreadsheet treat a cell as text; `read_cell` removes it again.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from musicgen.system.files import replace_atomically

if TYPE_CHECKING:
    from pandas import DataFrame

Value = TypeVar("Value")
_FORMULA = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|'*[\t\r\n]")
"""The start of a formula, escaped or not; some spreadsheets accept the full-width characters, too."""
_WRITTEN = re.compile(r"'(?='*(?:\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]))")
ESCAPED = re.compile(r"'\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n]")
"""Found in any text that contains an escaped cell."""


def written_cell(value: Value) -> Value | str:
    """Return the value for a CSV file: text that a spreadsheet would compute gets an apostrophe."""
    if not isinstance(value, str) or not _FORMULA.match(value) or _is_number(value):
        return value
    return f"'{value}"


def read_cell(text: str) -> str:
    """Return the text that was passed to `written_cell`."""
    return text[1:] if _WRITTEN.match(text) else text


def write_rows(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """Write a CSV file atomically; the first row has all columns."""
    with replace_atomically(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows({name: written_cell(cell) for name, cell in row.items()} for row in rows)


def written_table(table: "DataFrame") -> "DataFrame":
    """Return the table with all column names and texts as `written_cell` writes them.

    Carriage returns become spaces: readers start a new row there, and pandas does not quote them.
    """
    from pandas import Series

    written = table.rename(columns=lambda name: written_cell(_without_returns(name)))
    for place, dtype in enumerate(table.dtypes):
        if dtype.kind not in "biufM":
            # As objects: pandas would turn 33 into 33.0 in a column with an empty cell.
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
