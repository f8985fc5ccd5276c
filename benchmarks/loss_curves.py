"""Loss curves of whole runs of a small LSTM through torch's own modules, the engine, and bfloat16.

    python -m benchmarks.loss_curves [--seeds 3] [OVERRIDE ...]

Writes benchmarks/figures/loss_curves.png and loss_curves.json. Dropout is off: its random numbers differ
between the modules and the engine, and would hide what is compared. The best validation loss counts, as
everywhere.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.alternation import format_seconds, markdown_table, tell
from benchmarks.corpora import default_corpus
from benchmarks.ours import threads_of, training_task
from musicgen.config import Config, compose_config, resolve
from musicgen.engine.choice import Precision
from musicgen.engine.computing import computing_on
from musicgen.model.network import build_network
from musicgen.seeds import torch_seed
from musicgen.training.loop import fit
from musicgen.training.outcome import Fit

FOLDER = Path(__file__).resolve().parent / "figures"
WAYS: dict[str, tuple[Precision, bool]] = {
    "torch's own modules": ("fp32", True),
    "engine, fp32": ("fp32", False),
    "engine, bf16": ("bf16", False),
}
"""Name -> precision, and whether the modules compute."""
NETWORK = (
    "model=lstm",
    "model.hidden_size=320",
    "model.num_layers=1",
    "model.dropout=0.0",
    "model.bar_position=false",
    "model.lookback_bars=[]",
    "training.num_iterations=900",
    "training.learning_rate=6e-3",
)
"""One layer that reads characters alone, without dropout, whose random numbers the modules draw otherwise."""
FIRST = 200
"""Iterations over which the two ways of 32 bits must lie on top of each other."""


def train(config: Config, seed: int, precision: Precision, *, with_modules: bool) -> Fit:
    """One whole training of the default corpus, split as it is for seed 0."""
    corpus = default_corpus()
    network = build_network(
        config.model,
        corpus.vocabulary.size,
        torch_seed(seed, "initialisation"),
        precision,
        "torch" if with_modules else "native",
    )
    with tempfile.TemporaryDirectory() as folder, computing_on(threads_of(config)):
        validation = corpus.part("validation")
        task = training_task(config, Path(folder), corpus, validation, network=network, seed=seed)
        return fit(task, lambda _step: None, lambda _row: None)


def measure(overrides: Sequence[str], num_seeds: int) -> dict[str, list[Fit]]:
    """Every way with every seed."""
    config = resolve(compose_config([*NETWORK, *overrides]))
    fits: dict[str, list[Fit]] = {name: [] for name in WAYS}
    for seed in range(num_seeds):
        for name, (precision, with_modules) in WAYS.items():
            fits[name].append(train(config, seed, precision, with_modules=with_modules))
            last = fits[name][-1]
            tell(
                f"seed {seed}, {name}: best validation loss {last.best_validation_loss:.4f} "
                f"in {format_seconds(last.train_seconds)}"
            )
    return fits


def largest_difference(one: Fit, other: Fit) -> float:
    """Of the training losses of the first iterations, in nats per character."""
    rows = [
        abs(mine.train_loss - its.train_loss)
        for mine, its in zip(one.history, other.history, strict=True)
        if mine.iteration <= FIRST
    ]
    return max(rows)


def summary(fits: dict[str, list[Fit]]) -> dict[str, Any]:
    """What the page says, as plain values."""
    modules = fits["torch's own modules"]
    return {
        name: {
            "best_validation_loss": [each.best_validation_loss for each in own],
            "beyond_modules": [
                each.best_validation_loss - its.best_validation_loss
                for each, its in zip(own, modules, strict=True)
            ],
            f"largest_difference_in_{FIRST}": [
                largest_difference(each, its) for each, its in zip(own, modules, strict=True)
            ],
            "train_seconds": [each.train_seconds for each in own],
        }
        for name, own in fits.items()
    }


def draw(fits: dict[str, list[Fit]], path: Path) -> None:
    """Training and validation losses of seed 0, and the validation losses less those of the modules."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    losses, differences = figure.subplots(1, 2)
    modules = {row.iteration: row.validation_loss for row in fits["torch's own modules"][0].history}
    for (name, own), colour, style in zip(
        fits.items(), ("#888888", "#1f5f8b", "#c8501e"), ("-", "--", ":"), strict=True
    ):
        rows = [row for row in own[0].history if row.validation_loss is not None]
        losses.plot(
            [row.iteration for row in rows],
            [row.validation_loss for row in rows],
            style,
            color=colour,
            label=name,
            linewidth=2.4 if style == "-" else 1.6,
        )
        differences.plot(
            [row.iteration for row in rows],
            [(row.validation_loss or 0.0) - (modules[row.iteration] or 0.0) for row in rows],
            style,
            color=colour,
        )
    losses.set(
        xlabel="iteration", ylabel="validation loss, nats per character", title="One on top of the other"
    )
    losses.legend(frameon=False)
    differences.axhspan(-0.005, 0.005, color="#eeeeee", zorder=0)
    differences.set(xlabel="iteration", ylabel="nats per character", title="Less the modules' (grey: 0.005)")
    for axes in (losses, differences):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Train, draw, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("overrides", nargs="*", default=[], metavar="OVERRIDE")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    fits = measure(arguments.overrides, arguments.seeds)
    values = summary(fits)
    (FOLDER / "loss_curves.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    draw(fits, FOLDER / "loss_curves.png")
    rows = [
        [
            name,
            *(f"{statistics.mean(own[key]):.4f}" for key in ("best_validation_loss", "beyond_modules")),
            f"{max(own[f'largest_difference_in_{FIRST}']):.1e}",
            format_seconds(statistics.mean(own["train_seconds"])),
        ]
        for name, own in values.items()
    ]
    header = [
        "",
        "best validation loss",
        "less the modules'",
        f"largest difference, first {FIRST}",
        "training",
    ]
    print(markdown_table(header, rows))


if __name__ == "__main__":
    main()
