"""Find the runs below some folders, and make one table of them.

A run is a folder with a run.json. Paths may be run directories, sweep directories or folders above them.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.config import SET_BY_THE_SWEEPER
from musicgen.errors import InputError
from musicgen.metrics.registry import METRICS
from musicgen.records.naming import as_number
from musicgen.records.record import FILE_NAME, RunRecord
from musicgen.system.csv_cells import ESCAPED, read_cell, written_table
from musicgen.system.files import read_whole, replace_atomically
from musicgen.tracking.history import COLUMNS as HISTORY_COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame

PLAN, RUNS, EFFECTS, NOISE = "plan.csv", "runs.csv", "effects.csv", "noise.csv"
"""The tables of a sweep: its planned runs, its runs, what each change did, and how much seeds scatter."""
LEADING_COLUMNS = (
    "directory",
    "status",
    "parameter",
    "value",
    "baseline_value",
    "retuned",
    "seed",
    "run_id",
    "training_id",
    "trained_iterations",
    "reused_iterations",
    "train_seconds",
    "total_seconds",
    "error",
)
"""Columns of the runs table before the metrics and the config."""

MAX_TABLE_BYTES = 2**28
"""Limit for the size of a table."""
MAX_CELLS = 20_000_000
"""Limit for the cells of a table. A hundred thousand tunes have six million."""
_MAX_BARS = 10**6
"""Limit for the bars of a tune."""
_IN_LEADING_COLUMNS = ("seed", *SET_BY_THE_SWEEPER)
"""Parts of the config that the leading columns show."""


@dataclass(frozen=True, eq=False)
class FoundRun:
    """A run and its directory. Two are equal only if they are the same object."""

    directory: Path
    record: RunRecord

    def value(self, metric: str) -> float | None:
        """The metric; None if the run did not complete or could not measure it."""
        return self.record.metrics.get(metric) if self.record.status == "complete" else None

    def setting(self, name: str) -> object:
        """The value of a dotted name in the run's config; None if it is missing."""
        value: object = self.record.config
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    @property
    def is_screening(self) -> bool:
        """Whether it belongs to a first stage, which chooses changes and claims nothing."""
        return self.setting("study.stages") is not None

    @property
    def num_tunes(self) -> int:
        """The number of tunes that the run was to sample; that of its draws if it kept only some."""
        if self.record.num_draws is not None:
            return self.record.num_draws
        number = self.setting("sampling.num_tunes")
        if not isinstance(number, int):
            raise InputError(f"{self.directory}: the run's config lacks sampling.num_tunes")
        return number

    @property
    def soundfont(self) -> str | None:
        """The path of the run's soundfont on its machine; None for the built-in one.

        It is for display only, since the record may come from somebody else.
        """
        path = self.setting("rendering.soundfont")
        return None if path is None else str(path)

    @cached_property
    def num_bars(self) -> int | None:
        """Bars of the sampled tunes by tunes.csv, which is read once; None for 0."""
        bars = [row.get("num_bars") or "0" for row in self.tune_rows()]
        numbers = [as_number(text) for text in bars]
        if any(number is None or not 0 <= number <= _MAX_BARS for number in numbers):
            raise InputError(
                f"{self.directory / 'tunes.csv'}: num_bars contains something that is not a number of bars"
            )
        return sum(int(number or 0) for number in numbers) or None

    def tune_rows(self) -> list[dict[str, str]]:
        """The rows of tunes.csv, one per sampled tune; empty if the run ended before it sampled."""
        path = self.directory / "tunes.csv"
        return read_rows(path) if path.is_file() else []

    def history_rows(self) -> list[dict[str, float | None]] | None:
        """The numbers of history.csv, without a row that is still being written; None if there is no history.

        Raises InputError for a cell that is not a number.
        """
        path = self.directory / "history.csv"
        if not path.is_file() or not path.stat().st_size:
            return None
        rows = read_rows(path, may_be_cut=True)
        for name in HISTORY_COLUMNS:
            if any(row.get(name) != "" and as_number(row.get(name)) is None for row in rows):
                raise InputError(f"{path}: {name} contains something that is not a number")
        return [{name: as_number(row[name]) for name in HISTORY_COLUMNS} for row in rows]

    def history(self) -> "DataFrame | None":
        """The same as a table."""
        # Import pandas late: it takes a moment, and not every command needs it.
        from pandas import DataFrame

        rows = self.history_rows()
        return None if rows is None else DataFrame(rows, columns=list(HISTORY_COLUMNS), dtype=float)


def find_runs(paths: Sequence[str | Path]) -> list[FoundRun]:
    """Every run at or below the paths, each directory once, sorted by directory.

    Raises InputError for a path without a run, or a run.json that cannot be read.
    """
    folders: dict[Path, Path] = {}
    for path in map(Path, paths):
        found = [path] if path.name == FILE_NAME and path.is_file() else sorted(records_below(path))
        if not path.exists():
            raise InputError(f"{path}: no such folder; a run or sweep directory is needed")
        if not found:
            raise InputError(f"{path}: no run here, no {FILE_NAME} in this folder or below")
        for file in found:
            folders.setdefault(file.parent.resolve(), file.parent)
    return [FoundRun(folder, RunRecord.read(folder)) for folder in sorted(folders.values())]


def by_stage(runs: Iterable[FoundRun]) -> tuple[list[FoundRun], list[FoundRun]]:
    """The runs that screened changes, and all others; claims rest on the others alone."""
    found: tuple[list[FoundRun], list[FoundRun]] = [], []
    for run in runs:
        found[not run.is_screening].append(run)
    return found


def read_rows(path: Path, *, may_be_cut: bool = False) -> list[dict[str, str]]:
    """The rows of a CSV file, each cell as it was before `written_cell`.

    may_be_cut: skip an incomplete last line, which may still be being written. Raises InputError if the file
    cannot be read or is a link, or if a row has more or fewer cells than the header.
    """
    try:
        text = read_whole(path, MAX_TABLE_BYTES, follows_links=False).decode("utf-8")
        if may_be_cut:
            text = text[: text.rfind("\n") + 1]
        # A carriage return inside a cell belongs to its tune.
        reader = csv.DictReader(io.StringIO(text, newline=""))
        max_rows = MAX_CELLS // max(1, len(reader.fieldnames or ()))
        rows = list(islice(reader, max_rows + 1))
        if len(rows) > max_rows:
            raise InputError(f"{path}: has more than {MAX_CELLS:,} cells, which is the limit")
    except InputError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise InputError(f"{path}: row {number} has more or fewer cells than the header")
    if ESCAPED.search(text):
        return [{read_cell(name): read_cell(cell) for name, cell in row.items()} for row in rows]
    return rows


def records_below(folder: Path) -> Iterator[Path]:
    """The path of every run.json at or below the folder."""
    for directory, folders, files in os.walk(folder):
        if FILE_NAME in files:
            yield Path(directory, FILE_NAME)
            # A run directory has dozens of files, but no other run.
            folders.clear()


def flat_config(config: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Dotted name -> value of every leaf, in the order of the config."""
    flat: dict[str, object] = {}
    for name, content in config.items():
        if isinstance(content, Mapping):
            flat |= flat_config(content, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = content
    return flat


def cell(value: object) -> object:
    """A value as a cell of a table: lists and mappings as JSON, everything else unchanged."""
    is_plain = isinstance(value, (str, int, float)) or value is None
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def level_cell(value: object) -> object:
    """The same for a parameter's level, with None as null."""
    return "null" if value is None else cell(value)


def metric_names(runs: Sequence[FoundRun]) -> list[str]:
    """The metrics of the runs: registered ones in the registry's order, then others as they come."""
    present = dict.fromkeys(name for run in runs for name in run.record.metrics)
    return [name for name in METRICS if name in present] + [name for name in present if name not in METRICS]


def runs_table(runs: Sequence[FoundRun], relative_to: Path | None = None) -> "DataFrame":
    """A row for each run: its change and status, its metrics, and every value of its config.

    relative_to: the folder that the column `directory` is relative to, for runs below it.
    """
    from pandas import DataFrame, Series

    metrics = metric_names(runs)
    rows, config_columns = [], {}
    for run in runs:
        others = {
            name: run.record.config[name] for name in run.record.config if name not in _IN_LEADING_COLUMNS
        }
        config = {name: cell(value) for name, value in flat_config(others).items()}
        config_columns |= dict.fromkeys(config)
        measured = {name: run.record.metrics.get(name) for name in metrics}
        rows.append(_leading_cells(run, relative_to) | measured | config)
    table = DataFrame(rows, columns=[*LEADING_COLUMNS, *metrics, *config_columns])
    for name in ("value", "baseline_value"):
        # As objects: pandas would turn 33 next to an empty cell into 33.0.
        table[name] = Series([row[name] for row in rows], dtype=object)
    return table


def path_name(path: Path, relative_to: Path | None) -> str:
    """The path, as in the runs table: relative to the folder if it is below that."""
    if relative_to is not None:
        resolved, folder = path.resolve(), relative_to.resolve()
        if resolved.is_relative_to(folder):
            return resolved.relative_to(folder).as_posix()
    return str(path)


def _leading_cells(run: FoundRun, relative_to: Path | None) -> dict[str, object]:
    record = run.record
    change: dict[str, object] = {"parameter": None, "value": None, "baseline_value": None}
    if record.change is not None:
        change = {
            "parameter": record.change.parameter,
            "value": level_cell(record.change.value),
            "baseline_value": level_cell(record.change.baseline_value),
        }
    timing = {
        name: record.timing.get(name)
        for name in ("trained_iterations", "reused_iterations", "train_seconds", "total_seconds")
    }
    return {
        "directory": path_name(run.directory, relative_to),
        "status": record.status,
        **change,
        "retuned": cell(dict(record.retuned)) if record.retuned else None,
        "seed": record.seed,
        "run_id": record.run_id,
        "training_id": record.training_id,
        **timing,
        "error": record.error,
    }


def write_csv(table: "DataFrame", path: Path) -> None:
    """Write the table atomically; missing values are empty cells."""
    with replace_atomically(path) as temporary:
        written_table(table).to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def sweep_directory(run: FoundRun) -> Path:
    """The folder of the run's sweep: the one with the plan, else by `<sweep>/<change>/seed=<n>`."""
    directory = run.directory.resolve()
    planned = (folder for folder in directory.parents if (folder / PLAN).is_file())
    return next(planned, directory.parent.parent)
