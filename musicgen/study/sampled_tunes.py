"""The tunes that a run sampled, read back from its files."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass

from musicgen.errors import InputError
from musicgen.study.runs import FoundRun

# The number and the origin that musicgen itself writes above every tune; a sampled text may hold an X: too.
_TUNE_START = re.compile(r"^X:\d+\nN:musicgen run ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SampledText:
    """One tune of a run: its text, and what tunes.csv says of it."""

    index: int
    abc: str
    """With its number and its origin in the header."""
    row: Mapping[str, str]
    """Column -> cell, "" where there is no value."""

    @property
    def is_valid(self) -> bool:
        """Whether abc2midi reads it and all its bars have the right length."""
        return self.row.get("is_valid") == "True" and self.row.get("parses") == "True"


def read_sampled_tunes(run: FoundRun) -> list[SampledText]:
    """Every tune of the run, in order; none where the run has no tunes yet.

    Raises InputError where tunes.abc and tunes.csv do not belong together.
    """
    book, table = run.directory / "tunes.abc", run.directory / "tunes.csv"
    if not (book.is_file() and table.is_file()):
        return []
    text = book.read_text(encoding="utf-8")
    starts = [found.start() for found in _TUNE_START.finditer(text)]
    texts = [text[start:end].strip("\n") for start, end in zip(starts, [*starts[1:], None], strict=True)]
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if len(rows) != len(texts):
        raise InputError(f"{book} has {len(texts)} tunes, {table} {len(rows)}: they are not of one run")
    return [SampledText(int(row["index"]), abc, row) for abc, row in zip(texts, rows, strict=True)]
