"""history.csv: the losses of a run, readable while the training runs."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from musicgen.system.files import append_whole, flush_to_disk

COLUMNS: tuple[str, ...] = (
    "iteration",
    "train_loss",
    "validation_loss",
    "learning_rate",
    "tokens_per_second",
)


class HistoryFile:
    """Appends complete rows, so that a reader of a running or killed training never sees half a row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb", buffering=0)
        try:
            self._append(dict(zip(COLUMNS, COLUMNS, strict=True)))
        except OSError:
            self._file.close()
            raise

    def __enter__(self) -> "HistoryFile":
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file and flush it to the disk."""
        self._file.close()
        flush_to_disk(self._path)

    def write(self, row: Mapping[str, float | None]) -> None:
        """Append a row; raises OSError if it does not fit, and then leaves no part of it."""
        self._append(row)

    def _append(self, row: Mapping[str, object]) -> None:
        line = io.StringIO()
        csv.DictWriter(line, fieldnames=COLUMNS, lineterminator="\n").writerow(row)
        append_whole(self._file, self._path, line.getvalue().encode())
