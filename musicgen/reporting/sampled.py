"""The tunes that a run sampled, with what was measured of each: tunes.abc and tunes.csv read together.

Both hold text that a network wrote, which may be anything.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from musicgen.notation.parsing import parse_tune
from musicgen.study.runs import FoundRun

_STAMP = re.compile(r"X:1\n(N:[^\n]*?, temperature )")
"""Of the first tune of a file, up to what differs between its tunes."""


@dataclass(frozen=True)
class Song:
    """One sampled tune."""

    run: FoundRun
    index: int
    """Its place in the run's sample: with the same prompts and seed, the same random stream."""
    abc: str
    """With the header that says where it comes from."""
    cells: Mapping[str, str]
    """Its row of tunes.csv."""

    @property
    def key(self) -> tuple[str, int]:
        """Run identity and index, by which ratings know it."""
        return self.run.record.run_id, self.index

    @cached_property
    def title(self) -> str:
        """Its T: field, or words in its place."""
        return self.cells.get("title") or parse_tune(self.abc).header("T") or "untitled"

    @property
    def prompt(self) -> str:
        """The seed string."""
        return self.cells.get("prompt", "")

    @property
    def has_notes(self) -> bool:
        """Whether there is anything to play."""
        return bool(self.number("num_notes"))

    @property
    def body(self) -> str:
        """The music without the header, by which equal tunes are known."""
        return parse_tune(self.abc).body.strip()

    def number(self, column: str) -> float | None:
        """A cell of tunes.csv as a number; None where it is empty."""
        text = self.cells.get(column, "")
        try:
            return float(text)
        except ValueError:
            return None

    def says(self, column: str) -> bool:
        """A yes-or-no cell of tunes.csv."""
        return self.cells.get(column) == "True"


def read_songs(run: FoundRun) -> list[Song]:
    """Every sampled tune of a run in order; none where the run ended before it sampled."""
    tunebook, rows = run.directory / "tunes.abc", run.directory / "tunes.csv"
    if not tunebook.is_file() or not rows.is_file():
        return []
    # As written: a carriage return in a tune is the tune's own.
    with rows.open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    text = tunebook.read_bytes().decode("utf-8", errors="replace")
    tunes = split_tunebook(text, len(cells))
    return [Song(run, index, abc, row) for index, (abc, row) in enumerate(zip(tunes, cells, strict=False))]


def split_tunebook(text: str, num_tunes: int) -> list[str]:
    """The tunes of a tunes.abc, each with its X: line and stamp.

    They are found by their numbers and by the stamp that all tunes of a run share, in order, since a sampled
    tune may hold X: lines of its own.
    """
    stamp = _STAMP.match(text)
    if stamp is None:
        return []
    starts, place = [], 0
    for number in range(1, num_tunes + 1):
        place = text.find(f"X:{number}\n{stamp[1]}", place)
        if place < 0:
            break
        starts.append(place)
        place += 1
    return [text[start:end].rstrip("\n") + "\n" for start, end in pairwise([*starts, len(text)])]
