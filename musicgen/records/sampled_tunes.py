"""The tunes that a run sampled and their measurements: tunes.abc and tunes.csv read together.

Both contain text that a network wrote, which may be anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from musicgen.errors import InputError
from musicgen.metrics.soundness import Judgement
from musicgen.notation.parsing import parse_tune
from musicgen.records.naming import as_number, tune_title
from musicgen.records.runs import FoundRun
from musicgen.system.files import read_whole

MAX_TUNEBOOK_BYTES = 2**28
_STAMP = re.compile(r"X:1\n(N:[^\n]*?, temperature )")
"""The start of a file's first tune, up to the part that differs between tunes."""


@dataclass(frozen=True)
class Song:
    """One sampled tune."""

    run: FoundRun
    index: int
    """The place in the run's sample. With the same prompts and seed, it has the same random stream."""
    abc: str
    """With a header that names its origin."""
    cells: Mapping[str, str]
    """Its row of tunes.csv; missing values are empty."""

    @property
    def key(self) -> tuple[str, int]:
        """Run identity and index, which identify the tune in ratings."""
        return self.run.record.run_id, self.index

    @cached_property
    def title(self) -> str:
        """Its own title or, if the network wrote none that can be said, "Tune 17"."""
        written = self.cells.get("title") or parse_tune(self.abc).header("T") or ""
        return tune_title(written, self.prompt, self.index)

    @property
    def prompt(self) -> str:
        """The seed string."""
        return self.cells.get("prompt", "")

    @property
    def has_notes(self) -> bool:
        """Whether the tune can be played."""
        return bool(self.number("num_notes"))

    @property
    def is_valid(self) -> bool:
        """Whether abc2midi reads it and all its bars have the right length."""
        return self.says("is_valid") and self.says("parses")

    @property
    def is_kept(self) -> bool:
        """False for a draw that the run's conditions exclude."""
        return self.cells.get("kept") != "False"

    @cached_property
    def judgement(self) -> Judgement:
        """What a musician would say of it."""
        return Judgement(parse_tune(self.abc), reached_end=self.cells.get("ended") != "False")

    def fact(self, name: str) -> bool:
        """A yes-or-no fact of its judgement: from tunes.csv or, for older runs, from the tune itself."""
        return self.says(name) if self.cells.get(name) else bool(getattr(self.judgement, name))

    @property
    def body(self) -> str:
        """The music without the header; the same for equal tunes."""
        return parse_tune(self.abc).body.strip()

    def number(self, column: str) -> float | None:
        """A cell of tunes.csv as a number, with yes and no as 1 and 0; None for other texts."""
        text = self.cells.get(column, "")
        return float(text == "True") if text in ("True", "False") else as_number(text)

    def says(self, column: str) -> bool:
        """A yes-or-no cell of tunes.csv."""
        return self.cells.get(column) == "True"


def read_songs(run: FoundRun) -> list[Song]:
    """Every sampled tune of a run, in order; empty if the run ended before it sampled.

    Raises InputError if tunes.abc and tunes.csv do not belong together.
    """
    tunebook, rows = run.directory / "tunes.abc", run.tune_rows()
    if not tunebook.is_file() or not rows:
        return []
    content = read_whole(tunebook, MAX_TUNEBOOK_BYTES, follows_links=False)
    tunes = split_tunebook(content.decode("utf-8", errors="replace"))
    if len(rows) != len(tunes):
        raise InputError(
            f"{tunebook} has {len(tunes)} tunes, tunes.csv {len(rows)}: they come from different runs"
        )
    return [Song(run, index, abc, row) for index, (abc, row) in enumerate(zip(tunes, rows, strict=True))]


def split_tunebook(text: str) -> list[str]:
    """The tunes of a tunes.abc, each with its X: line and stamp.

    Since a sampled tune may contain X: lines itself, tunes are found by their consecutive numbers and the
    stamp that all tunes of a run share.
    """
    stamp = _STAMP.match(text)
    if stamp is None:
        return []
    starts, place = [], 0
    while place >= 0:
        starts.append(place)
        place = text.find(f"\nX:{len(starts) + 1}\n{stamp[1]}", place) + 1 or -1
    return [text[start:end].rstrip("\n") + "\n" for start, end in pairwise([*starts, len(text)])]
