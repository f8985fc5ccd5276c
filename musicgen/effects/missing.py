"""Runs that a sweep has planned and that left no run.json: never started, or lost since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from musicgen.records.record import FILE_NAME as RUN_FILE
from musicgen.records.runs import PLAN, FoundRun, path_name, read_rows, sweep_directories

if TYPE_CHECKING:
    from pandas import DataFrame

_COLUMNS = ("parameter", "value", "baseline_value", "seed", "run_id", "training_id")
"""Of plan.csv, which the runs table has, too."""


@dataclass(frozen=True, slots=True)
class MissingRun:
    """A run of a plan without a record."""

    directory: str
    """As the runs table names it."""
    planned: Mapping[str, str]
    """Its row of plan.csv."""

    def __str__(self) -> str:
        """One line, such as those on failures."""
        parameter = self.planned.get("parameter")
        change = f"{parameter}={self.planned.get('value')}" if parameter else "baseline"
        seed = self.planned.get("seed")
        return f"{change} seed={seed} missing: planned, but it left no {RUN_FILE} ({self.directory})"


def missing_runs(runs: Sequence[FoundRun], relative_to: Path | None) -> list[MissingRun]:
    """What the plans of these runs' sweeps name and the disk lacks; raises InputError like `read_rows`."""
    missing = []
    for sweep in dict.fromkeys(sweep_directories(runs).values()):
        if not (sweep / PLAN).is_file():
            continue
        for row in read_rows(sweep / PLAN):
            name = PurePosixPath(row.get("directory", ""))
            # A plan may come from somebody else: it names folders of its own sweep only.
            if not name.parts or name.is_absolute() or ".." in name.parts:
                continue
            if not (sweep / name / RUN_FILE).is_file():
                missing.append(MissingRun(path_name(sweep / name, relative_to), row))
    return missing


def with_missing(table: "DataFrame", missing: Sequence[MissingRun]) -> "DataFrame":
    """The runs table with a row for each missing run behind the others."""
    if not missing:
        return table
    import pandas

    rows = [
        {"directory": one.directory, "status": "missing"} | {name: one.planned.get(name) for name in _COLUMNS}
        for one in missing
    ]
    # As objects, since whole numbers would become floats next to empty cells.
    more = pandas.DataFrame(rows, columns=table.columns, dtype=object)
    return pandas.concat([table.astype(object), more], ignore_index=True)
