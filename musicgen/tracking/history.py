"""history.csv: the losses of a run, a row at a time, readable while the training runs."""

import csv
from collections.abc import Mapping
from pathlib import Path

COLUMNS: tuple[str, ...] = (
    "iteration",
    "train_loss",
    "validation_loss",
    "learning_rate",
    "tokens_per_second",
)


class HistoryFile:
    """Appends whole rows to the file, so that a reader of a running or killed training finds no half row."""

    def __init__(self, path: Path) -> None:
        # One buffered write for each line; a row is short enough to reach the file whole.
        self._file = path.open("w", encoding="utf-8", newline="", buffering=1)
        self._writer = csv.DictWriter(self._file, fieldnames=COLUMNS, lineterminator="\n")
        self._writer.writeheader()

    def __enter__(self) -> "HistoryFile":
        """The file is open already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def write(self, row: Mapping[str, float | None]) -> None:
        """Append a row; a missing value is an empty cell."""
        self._writer.writerow(row)
