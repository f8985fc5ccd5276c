"""The results of a run or a sweep that must not depend on time, place or other processes.

Everything is compared byte by byte, except what is listed here: times, speeds and names of folders.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from musicgen.records.record import RunRecord
from musicgen.records.runs import find_runs

IGNORED_FIELDS = ("timing", "machine", "tracker", "command", "weights")
"""Fields of run.json that hold times, cores, archives or folders."""
IGNORED_COLUMNS = {
    "history.csv": ("tokens_per_second",),
    "runs.csv": ("directory", "trained_iterations", "reused_iterations", "train_seconds", "total_seconds"),
}
"""Columns that hold times or folders, as do those that begin with `paths.`."""
IGNORED_FIGURES = ("seconds",)
"""Figures of a sweep that show times."""

Results = dict[str, dict[str, bytes]]
"""Kind -> name in the run or sweep -> content."""

_KINDS_OF_TUNES = {".abc": "tunes", ".mid": "MIDI", ".svg": "scores", ".png": "piano rolls"}


def results(directory: Path) -> Results:
    """Read the results of a run, or of a sweep and its runs."""
    found: Results = {}
    for run in find_runs([directory]):
        for kind, name, content in _of_run(run.directory, run.record):
            found.setdefault(kind, {})[f"{run.directory.relative_to(directory)}/{name}"] = content
    for kind, name, content in _of_sweep(directory):
        found.setdefault(kind, {})[name] = content
    return found


def differing(first: Results, second: Results) -> dict[str, str]:
    """Kind -> the first name whose contents differ, or that is only in one of the two."""
    return {
        kind: min(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        for kind in first.keys() | second.keys()
        if (one := first.get(kind, {})) != (other := second.get(kind, {}))
    }


def weights_of(state: Path) -> bytes:
    """Read the last and the best weights from a state in the store."""
    content = torch.load(state, map_location="cpu", weights_only=True)
    tensors = [*content["weights"].items(), *content["best_weights"].items()]
    return b"".join(name.encode() + tensor.numpy().tobytes() for name, tensor in tensors)


def _of_run(directory: Path, record: RunRecord) -> Iterator[tuple[str, str, bytes]]:
    fields = {name: value for name, value in asdict(record).items() if name not in IGNORED_FIELDS}
    fields["config"] = {name: value for name, value in record.config.items() if name != "paths"}
    # Of the checkout around the folder in which the command was given.
    fields["versions"] = {name: text for name, text in record.versions.items() if name != "commit"}
    yield "run.json", "run.json", json.dumps(fields).encode()
    # Pruning the store removes weights.
    if record.weights is not None and (directory / record.weights).is_file():
        yield "weights", "weights", weights_of(directory / record.weights)
    if (directory / "history.csv").is_file():
        yield "losses", "history.csv", _table(directory / "history.csv")
    for name in ("tunes.abc", "tunes.csv"):
        if (directory / name).is_file():
            yield "tunes", name, (directory / name).read_bytes()
    for path in sorted(directory.glob("tunes/*")):
        yield _KINDS_OF_TUNES.get(path.suffix, f"audio {path.suffix}"), path.name, path.read_bytes()
    for path in sorted(directory.glob("plots/*")):
        yield "figures", path.name, path.read_bytes()


def _of_sweep(directory: Path) -> Iterator[tuple[str, str, bytes]]:
    for name in ("plan.csv", "runs.csv", "effects.csv", "noise.csv"):
        if (directory / name).is_file():
            yield name, name, _table(directory / name)
    if (directory / "plan.csv").is_file():
        for path in sorted(directory.glob("plots/*")):
            if path.stem not in IGNORED_FIGURES:
                yield "figures", path.name, path.read_bytes()


def _table(path: Path) -> bytes:
    """Read a table without the ignored columns."""
    ignored = IGNORED_COLUMNS.get(path.name, ())
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    kept = [n for n, name in enumerate(rows[0]) if name not in ignored and not name.startswith("paths.")]
    return json.dumps([[row[number] for number in kept] for row in rows]).encode()
