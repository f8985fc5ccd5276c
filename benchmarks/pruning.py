"""Does a search with pruning find as good a config as one without, and with how many iterations?

    python -m benchmarks.pruning [--random 0 1 2] [--tpe 0 1 2] [--folder DIR]

For each seed of a sampler, one search of 20 smoke trials runs every trial to its end, and another prunes by
successive halving; they share no store. With random sampling, both try the same points. The best config of
each is run again with fresh seeds, whose spread is the noise to compare differences with. Writes pruning.md
and figures/pruning.png. With --folder, an interrupted benchmark resumes.
"""

import argparse
import math
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import describe_machine
from musicgen.effects.figures.draw import write_figures
from musicgen.effects.figures.style import CATEGORY_COLOURS, TEXT_SIZE, label_axes, new_figure, rule_lightly
from musicgen.records.destination import CONFIRMATION
from musicgen.records.runs import find_runs
from musicgen.search.trials import Trial, Trials, read_trials

FOLDER = Path(__file__).resolve().parent
SEARCH = (
    "--multirun",
    "hydra/sweeper=optuna",
    "hydra.sweeper.n_trials=20",
    "hydra.sweeper.study_name=search",
    "experiment=smoke",
    "training.num_threads=1",
    "training.batch_size=choice(16,32)",
    "training.sequence_length=64",
    "model.hidden_size=choice(32,48,64,96)",
    "model.num_layers=range(1,3)",
    "model.dropout=interval(0.0,0.3)",
    "sampling.num_tunes=2",
    "evaluation.num_reference_splits=2",
    "rendering=none",
    "rendering.plots=false",
    "tracker=none",
)
WAYS = {"to the end": "hydra.sweeper.pruning=null", "pruned": "hydra.sweeper.pruning.num_rungs=2"}
COLUMNS = (
    "points by",
    "",
    "how trials ended",
    "iterations",
    "lowest validation loss",
    "that config on 3 fresh seeds, mean ± SD",
)


@dataclass(frozen=True)
class Found:
    """The result of one search."""

    trials: Trials
    fresh_losses: list[float]
    """Losses of the best config with fresh seeds."""

    @property
    def best(self) -> Trial:
        """The trial with the lowest loss."""
        assert self.trials.best is not None
        return self.trials.best

    @property
    def best_loss(self) -> float:
        assert self.best.values is not None
        return self.best.values[0]


def search(sampler: str, seed: int, way: str, outputs: Path) -> Found:
    """Run one search, or resume it."""
    chosen = (f"hydra/sweeper/sampler={sampler}", f"hydra.sweeper.sampler.seed={seed}", WAYS[way])
    command = [sys.executable, "-m", "musicgen.train", *SEARCH, *chosen, f"paths.outputs={outputs}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the search failed:\n{done.stdout}\n{done.stderr}")
    directory = outputs / "searches" / "search"
    runs = find_runs([directory / CONFIRMATION])
    losses = [run.value("fit/validation_loss") for run in runs if run.record.change is not None]
    return Found(read_trials(directory), [loss for loss in losses if loss is not None])


def page(found: Mapping[str, Mapping[str, Found]]) -> str:
    """The text of pruning.md."""
    machine = "; ".join(f"{name}: {value}" for name, value in describe_machine().items())
    lines = [
        "# Pruning",
        "",
        "The same search of 20 smoke trials, once with every trial trained to its end and once with the",
        "default successive halving: rungs at 34 and 102 of 300 iterations, one trial in three continues",
        "from each. Random points are the same 20 both times. TPE adapts to the trials it has seen, so its",
        "two searches are two independent draws.",
        "",
        f"    {shlex.join(['python', '-m', 'musicgen.train', *SEARCH])}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
    ]
    for name, ways in found.items():
        lines += [_row(name, way, one, ways["to the end"]) for way, one in ways.items()]
    shares = ", ".join(f"{sampler} {share:.0%}" for sampler, share in _shares(found).items())
    lines += [
        "",
        f"Total iterations with pruning ÷ without, by sampler: {shares}.",
        "Compare differences of the lowest losses with the SD over fresh seeds.",
        "",
        "![The lowest loss so far over the iterations trained](figures/pruning.png)",
        "",
        f"*{machine}.*",
    ]
    return "\n".join(lines) + "\n"


def _shares(found: Mapping[str, Mapping[str, Found]]) -> dict[str, float]:
    """Sampler -> total iterations of its pruned searches ÷ those of its others."""
    spent: dict[str, Counter[str]] = {}
    for name, ways in found.items():
        of_sampler = spent.setdefault(name.partition(",")[0], Counter())
        of_sampler.update({way: one.trials.trained_iterations for way, one in ways.items()})
    return {sampler: ways["pruned"] / ways["to the end"] for sampler, ways in spent.items()}


def _row(name: str, way: str, one: Found, unpruned: Found) -> str:
    mean, deviation = statistics.mean(one.fresh_losses), statistics.stdev(one.fresh_losses)
    iterations, lowest = f"{one.trials.trained_iterations:,}", f"{one.best_loss:.4f}, trial {one.best.number}"
    if one is not unpruned:
        iterations += f" (**{one.trials.trained_iterations / unpruned.trials.trained_iterations:.0%}**)"
        lowest += f" (**{one.best_loss - unpruned.best_loss:+.4f}**)"
    ended = one.trials.count().partition(": ")[2]
    return f"| {name} | {way} | {ended} | {iterations} | {lowest} | {mean:.4f} ± {deviation:.4f} |"


def draw(found: Mapping[str, Mapping[str, Found]]) -> None:
    """Draw the lowest loss so far against the iterations trained so far."""
    columns = min(len(found), 3)
    rows = math.ceil(len(found) / columns)
    figure, panels = new_figure(
        "Lowest validation loss so far",
        rows,
        columns,
        width=3.2 * columns,
        height=2.7 * rows + 0.3,
    )
    for panel in panels[len(found) :]:
        panel.set_visible(False)
    for panel, (name, ways) in zip(panels, found.items(), strict=False):
        for (way, one), colour in zip(ways.items(), CATEGORY_COLOURS, strict=False):
            spent, lowest, places, losses = 0, float("inf"), [], []
            for trial in one.trials.trials:
                spent += trial.trained_iterations
                lowest = min(lowest, *trial.values or (float("inf"),))
                places.append(spent)
                losses.append(lowest)
            panel.step(places, losses, where="post", color=colour, label=way)
        panel.set_title(name, fontsize=TEXT_SIZE)
        label_axes(panel, "iterations", "nats per character")
        rule_lightly(panel, "y")
    panels[0].legend(frameon=False, fontsize=TEXT_SIZE)
    write_figures({"pruning": figure}, FOLDER / "figures", suffixes=["png"])


def main() -> None:
    """Run the searches and write the page and the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--random", type=int, nargs="*", default=[0, 1, 2], help="seeds of random points")
    parser.add_argument("--tpe", type=int, nargs="*", default=[0, 1, 2], help="seeds of TPE")
    parser.add_argument("--folder", type=Path, help="keep the outputs here, and resume from them")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())
    found: dict[str, dict[str, Found]] = {}
    for sampler in ("random", "tpe"):
        for seed in getattr(arguments, sampler):
            ways = found[f"{sampler}, seed {seed}"] = {}
            for way in WAYS:
                ways[way] = search(sampler, seed, way, folder / f"{sampler}-{seed}-{way.replace(' ', '-')}")
                print(f"{sampler}, seed {seed}, {way}: {ways[way].best_loss:.4f}", flush=True)
    (FOLDER / "pruning.md").write_text(page(found), encoding="utf-8")
    draw(found)


if __name__ == "__main__":
    main()
