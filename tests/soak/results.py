"""What of a run or a sweep does not depend on when, where and beside whom it was done.

Everything is compared byte by byte, but for what is named here: times and speeds, and names of folders.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from musicgen.records.record import RunRecord
from musicgen.records.runs import find_runs

OWN_FIELDS = ("timing", "machine", "tracker", "command", "weights")
"""Of run.json: seconds, when and with how many cores, the archive, the folders that the command named."""
OWN_COLUMNS = {
    "history.csv": ("tokens_per_second",),
    "runs.csv": ("directory", "trained_iterations", "reused_iterations", "train_seconds", "total_seconds"),
}
"""Of tables; columns that begin with `paths.` hold folders too."""
OWN_FIGURES = ("seconds",)
"""Of a sweep: losses over seconds."""

Results = dict[str, dict[str, bytes]]
"""Kind -> name within the run or the sweep -> content."""

_KINDS_OF_TUNES = {".abc": "tunes", ".mid": "MIDI", ".svg": "scores", ".png": "piano rolls"}


def results(directory: Path) -> Results:
    """Everything that a run, or a sweep with its runs, left behind."""
    found: Results = {}
    for run in find_runs([directory]):
        for kind, name, content in _of_run(run.directory, run.record):
            found.setdefault(kind, {})[f"{run.directory.relative_to(directory)}/{name}"] = content
    for kind, name, content in _of_sweep(directory):
        found.setdefault(kind, {})[name] = content
    return found


def differing(first: Results, second: Results) -> dict[str, str]:
    """Kind -> the first name whose contents differ, or that only one of them has."""
    return {
        kind: min(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        for kind in first.keys() | second.keys()
        if (one := first.get(kind, {})) != (other := second.get(kind, {}))
    }


def weights_of(state: Path) -> bytes:
    """Last and best weights in a state of the store."""
    content = torch.load(state, map_location="cpu", weights_only=True)
    tensors = [*content["weights"].items(), *content["best_weights"].items()]
    return b"".join(name.encode() + tensor.numpy().tobytes() for name, tensor in tensors)


def _of_run(directory: Path, record: RunRecord) -> Iterator[tuple[str, str, bytes]]:
    told = {name: value for name, value in asdict(record).items() if name not in OWN_FIELDS}
    told["config"] = {name: value for name, value in record.config.items() if name != "paths"}
    yield "run.json", "run.json", json.dumps(told).encode()
    if record.weights is not None:
        # A store that was pruned holds none.
        state = directory / record.weights
        if state.is_file():
            yield "weights", "weights", weights_of(state)
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
            if path.stem not in OWN_FIGURES:
                yield "figures", path.name, path.read_bytes()


def _table(path: Path) -> bytes:
    """The table without the columns that are its own."""
    own = OWN_COLUMNS.get(path.name, ())
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    kept = [place for place, name in enumerate(rows[0]) if name not in own and not name.startswith("paths.")]
    return json.dumps([_cells(row, kept) for row in rows]).encode()


def _cells(row: Sequence[str], kept: Sequence[int]) -> list[str]:
    return [row[place] for place in kept]
