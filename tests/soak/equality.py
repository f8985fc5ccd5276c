"""Compare two checkouts: the same commands must give the same tunes, losses and effects.

    python tests/soak/equality.py OLD_CHECKOUT NEW_CHECKOUT [--keep FOLDER]

Runs a smoke run, a sweep (3 arms × 2 seeds) and a search (6 trials) in each checkout, with this interpreter
and outputs in a temporary folder. Identifiers, tunes, losses, metrics, effects and searched values must be
equal. Times and wording are ignored, and new columns are allowed. Exits with 1 if anything differs.

`--keep FOLDER` saves the old results, and reuses those already saved. Delete the folder to run them again.
The script imports nothing from musicgen, because the checkouts may be laid out differently.
"""

import argparse
import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# One trial at a time and a fixed seed make a search repeatable. A single value leaves the search space.
SEARCH = """
    --multirun hydra/sweeper=optuna hydra.sweeper.study_name=equality hydra.sweeper.n_trials=6
    hydra.sweeper.n_jobs=1 hydra.sweeper.sampler.seed=0 hydra.sweeper.confirm_seeds=2
    'training.learning_rate=tag(log, interval(1e-3, 3e-2))' 'model.hidden_size=choice(32, 64)'
    'model.cell=choice(lstm, gru)' model.num_layers=1 model.dropout=0.1
    training.batch_size=32 training.sequence_length=64
"""
COMMANDS = {
    "smoke": [],
    "sweep": ["--multirun", "training.learning_rate=1e-3,1e-2", "seed=0,1"],
    "search": shlex.split(SEARCH),
}
NUM_RUNS = {"smoke": 1, "sweep": 3 * 2, "search": 6 + 2 * 2}
"""A search confirms its best config against the baseline, with two seeds each."""

TABLES = ("history.csv", "tunes.csv", "runs.csv", "effects.csv", "noise.csv", "trials.csv")
FILES = ("run.json", "tunes.abc", *TABLES)
RECORD_FIELDS = ("run_id", "training_id", "status", "seed", "retuned")
RECORD_TABLES = ("metrics", "metrics_by", "reference", "reference_by", "floor", "floor_by", "sampling_noise")
RUNS_COLUMNS = {"parameter", "value", "baseline_value", "retuned", "seed", "run_id", "training_id", "status"}
"""Compared in runs.csv, besides the metrics. The other columns are config, times and folders."""
TIME_COLUMNS = {"tokens_per_second", "seconds"}
WORDING_COLUMNS = {"verdict", "answer", "first_problem", "rendering_problems", "error"}
"""Only whether these cells are empty is compared."""
MAX_SHOWN = 5
"""Differences printed per kind of file."""


@dataclass(frozen=True)
class Side:
    """A checkout, and the folder that its results are copied to."""

    checkout: Path
    results: Path

    def run(self, command: str) -> Path:
        """Run the command unless its results are saved already; returns their folder."""
        folder = self.results / command
        if folder.is_dir():
            return folder
        with tempfile.TemporaryDirectory() as outputs:
            overrides = ["experiment=smoke", *COMMANDS[command], "tracker=none", f"paths.outputs={outputs}"]
            print(f"{self.checkout}: python -m musicgen.train {shlex.join(overrides)}", flush=True)
            done = subprocess.run(
                [sys.executable, "-m", "musicgen.train", *overrides],
                cwd=self.checkout,
                env=os.environ | {"PYTHONPATH": str(self.checkout)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                sys.exit(f"exit status {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
            # A path relative to the checkout, or an absolute one.
            directory = self.checkout / done.stdout.strip().splitlines()[-1]
            for path in files_in(directory):
                target = Path(outputs) / "compared" / path.relative_to(directory)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            shutil.copytree(Path(outputs) / "compared", folder)
        return folder


def files_in(directory: Path) -> list[Path]:
    return [path for name in FILES for path in directory.rglob(name)]


def compare(command: str, old: Path, new: Path) -> int:
    """Compare two result folders and print what was found; returns the number of differences."""
    found = [len(list(side.rglob("run.json"))) for side in (old, new)]
    total = 0
    if found != [NUM_RUNS[command]] * 2:
        print(f"{command}: DIFFERENT: {NUM_RUNS[command]} runs expected, {found[0]} before, {found[1]} now")
        total = 1
    for file in FILES:
        paths = sorted({path.relative_to(side) for side in (old, new) for path in side.rglob(file)})
        if not paths:
            continue
        differences = [text for path in paths for text in differences_in(path, old, new)]
        verdict = f"DIFFERENT in {len(differences)} places" if differences else "equal"
        print(f"{command}: {file} ({len(paths)}): {verdict}")
        for text in differences[:MAX_SHOWN]:
            print(f"    {text}")
        total += len(differences)
    return total


def differences_in(path: Path, old: Path, new: Path) -> Iterator[str]:
    for side, when in ((old, "before"), (new, "now")):
        if not (side / path).is_file():
            yield f"{path}: missing {when}"
            return
    before, now = (READERS.get(path.name, read_table)(side / path) for side in (old, new))
    for place, value in before.items():
        if place not in now:
            yield f"{path}: {place}: {value!r} before, missing now"
        elif now[place] != value:
            yield f"{path}: {place}: {value!r} before, {now[place]!r} now"


def read_lines(path: Path) -> dict[str, object]:
    lines = path.read_bytes().split(b"\n")
    return {"lines": len(lines), **{f"line {number}": line for number, line in enumerate(lines, start=1)}}


def read_record(path: Path) -> dict[str, object]:
    record = json.loads(path.read_text(encoding="utf-8"))
    values: dict[str, object] = {field: record.get(field) for field in RECORD_FIELDS}
    for table in RECORD_TABLES:
        values[f"names of {table}"] = sorted(record.get(table, {}))
        values |= {f"{table} {name}": value for name, value in record.get(table, {}).items()}
    # A reason is wording; that there is one is a fact.
    return values | {"reasons": sorted(record.get("reasons", {}))}


def read_table(path: Path) -> dict[str, object]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    values: dict[str, object] = {"rows": len(rows)}
    for number, row in enumerate(rows, start=1):
        for column, cell in row.items():
            is_skipped = path.name == "runs.csv" and column not in RUNS_COLUMNS and "/" not in column
            if not is_skipped and column not in TIME_COLUMNS:
                value = bool(cell) if column in WORDING_COLUMNS else cell_value(cell)
                values[f"row {number}, {column}"] = value
    return values


def cell_value(cell: str) -> float | str:
    """The number that the cell spells, if it does, so that 1e-2 equals 0.01."""
    try:
        number = float(cell)
    except ValueError:
        return cell
    return number if abs(number) < 2**53 else cell  # NaN, infinity and identifiers made of digits stay text


READERS: dict[str, Callable[[Path], dict[str, object]]] = {"tunes.abc": read_lines, "run.json": read_record}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("old", type=Path, metavar="OLD_CHECKOUT")
    parser.add_argument("new", type=Path, metavar="NEW_CHECKOUT")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="save the old results, or reuse them")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        old = Side(arguments.old.resolve(), arguments.keep or Path(temporary) / "old")
        new = Side(arguments.new.resolve(), Path(temporary) / "new")
        total = sum(compare(command, old.run(command), new.run(command)) for command in COMMANDS)
    print(f"{total} differences" if total else "all equal")
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
