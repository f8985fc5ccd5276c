"""Whether a small book of tunes gains from a network that has learned from a large corpus.

    python -m tests.soak.own_book --outputs DIR [--tunes 120] [--seeds 0,1,2,3,4] [overrides]

Writes a book of evenly spaced tunes of one corpus. Trains on another, without near-duplicates of the book;
then on the book, with each seed and split: from random weights as by default, and from the large corpus's
weights. The same command resumes. Prints the losses, in nats per character, and
the other metrics named by --metrics: mean and SD over seeds.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from musicgen.config import data_config
from musicgen.corpus.corpus import load_corpus
from musicgen.corpus.excerpts import evenly_spaced
from musicgen.records.record import FILE_NAME, RunRecord
from musicgen.records.runs import find_runs

LOSSES = ("fit/validation_loss", "fit/final_validation_loss", "fit/test_loss", "fit/train_loss")
QUIET = ("tracker=none", "rendering=none", "rendering.plots=false")
TUNED = ("training.learning_rate=1e-3", "training.num_iterations=600")
"""The steps of a fine-tuning: smaller and fewer than from random weights."""


def write_book(corpus: str, num_tunes: int, path: Path) -> None:
    """Write evenly spaced tunes of the corpus to a file, unless it exists."""
    if path.exists():
        return
    chosen = evenly_spaced(load_corpus(data_config(corpus)).tunes, num_tunes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(chosen) + "\n", encoding="utf-8")


def train(*overrides: str) -> None:
    """Train in a new process; raises CalledProcessError if it fails."""
    subprocess.run([sys.executable, "-m", "musicgen.train", *overrides], check=True)


def is_complete(folder: Path) -> bool:
    """Whether the folder holds a complete run."""
    return (folder / FILE_NAME).is_file() and RunRecord.read(folder).status == "complete"


def summarise(name: str, folder: Path, metrics: list[str]) -> None:
    """Print a row: mean ± SD over the runs in the folder for each metric that they have."""
    runs = find_runs([folder])
    cells = []
    for metric in metrics:
        values = [value for run in runs if (value := run.value(metric)) is not None]
        spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):.3f}{spread}" if values else "–")
    print(f"| {name} | {len(runs)} | {' | '.join(cells)} |")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--outputs", type=Path, required=True)
    parser.add_argument("--book", default="irish", help="the corpus that the book is taken from")
    parser.add_argument("--large", default="oneills", help="the corpus to start from")
    parser.add_argument("--tunes", type=int, default=120)
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--metrics", default="validity/tune_rate,originality/copied_share")
    options, overrides = parser.parse_known_args(arguments)
    book, runs = (options.outputs / "book.abc").absolute(), options.outputs.absolute()
    write_book(options.book, options.tunes, book)
    common = [*overrides, *QUIET, f"paths.outputs={runs}"]
    if not is_complete(runs / "large"):
        large = [f"data={options.large}", f"data.exclude_near_duplicates_of={book}"]
        train(*common, *large, f"hydra.run.dir={runs / 'large'}")
    of_book = ["--multirun", *common, "data=file", f"data.path={book}", f"seed={options.seeds}"]
    train(*of_book, f"hydra.sweep.dir={runs / 'alone'}")
    start = f"training.start_from={runs / 'large'}"
    train(*of_book, *TUNED, start, f"hydra.sweep.dir={runs / 'tuned'}")
    metrics = [*LOSSES, *options.metrics.split(",")]
    print(f"| from | runs | {' | '.join(metrics)} |\n{'|---' * (len(metrics) + 2)}|")
    for name, folder in (("random weights", "alone"), (options.large, "tuned")):
        summarise(name, runs / folder, metrics)


if __name__ == "__main__":
    main()
