"""Dataclasses of numbers and strings as rows of a CSV file."""

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

Row = TypeVar("Row")


def append_row(path: Path, row: Any) -> None:
    """Append a dataclass instance; writes the header first if the file is new."""
    values, is_new = asdict(row), not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(values))
        if is_new:
            writer.writeheader()
        writer.writerow(values)


def read_rows(path: Path, row_type: type[Row]) -> list[Row]:
    """Read the rows that append_row wrote."""
    types = get_type_hints(row_type)
    with path.open(encoding="utf-8", newline="") as file:
        return [
            row_type(**{name: types[name](cell) for name, cell in row.items()})
            for row in csv.DictReader(file)
        ]
