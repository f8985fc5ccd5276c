"""A sweep of learning rates × seeds, compared with processes of the course's loop one after another."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.alternation import Comparison, Timing, alternate, markdown_table, report_progress
from benchmarks.corpora import default_corpus
from benchmarks.ours import run_command
from benchmarks.report import Part, Row
from musicgen.corpus.corpus import training_text
from musicgen.records.record import RunRecord
from musicgen.records.runs import find_runs
from musicgen.system.cores import num_cores

NETWORK = ("experiment=lab", "model=lab", "model.hidden_size=256", "training.batch_size=32")
"""The lab's config with a smaller network; a batch has 32 × 100 characters."""
BASELINE_RATE = 5e-3
RATES = (1e-3, 2e-3, 3e-3, 8e-3)
SEEDS = (0, 1)
FULL_ITERATIONS = 1000
REDUCED_ITERATIONS = 100
REDUCED = ("sampling.num_tunes=64", "evaluation.num_reference_splits=5")
"""Overrides that shorten the work after training."""
STAGES = ("train", "sample", "evaluate", "render", "total")


def measure(
    num_repeats: int, num_iterations: int, settings: Sequence[str] = NETWORK, *, every_run: bool
) -> Part:
    """Time five learning rates × two seeds; for the peer all, or those of one rate, extrapolated."""
    num_runs = len(SEEDS) * (1 + len(RATES))
    name = f"baseline + {len(RATES)} learning rates × {len(SEEDS)} seeds, {num_iterations} iterations"
    report_progress(f"sweep: {name}")
    sweeps: list[list[RunRecord]] = []

    def ours() -> float:
        with tempfile.TemporaryDirectory() as folder:
            sweep, seconds = run_command(
                "--multirun",
                *settings,
                f"training.num_iterations={num_iterations}",
                f"training.learning_rate={','.join(map(str, RATES))}",
                f"seed={','.join(map(str, SEEDS))}",
                folder=Path(folder),
            )
            sweeps.append([found.record for found in find_runs([sweep])])
            assert [record.status for record in sweeps[-1]] == ["complete"] * num_runs
            return seconds

    rates = (BASELINE_RATE, *RATES)
    peer_rates = rates if every_run else rates[:1]
    timings = alternate(
        {
            "ours": ours,
            "course's loop": lambda: _peer_seconds(num_iterations, peer_rates) * len(rates) / len(peer_rates),
        },
        num_repeats,
    )
    peer = timings["course's loop"]
    training = Timing(tuple(_training_seconds(records) for records in sweeps))
    return Part(
        title="Sweep",
        text=(
            f"`python -m musicgen.train --multirun {' '.join(settings)} training.learning_rate=… seed=0,1` "
            f"with {num_iterations} iterations a run{of_full(num_iterations)}, from an empty output tree. "
            f"The peer is {num_runs} processes of the course's loop with the same settings on the same text, "
            f"one after another{'' if every_run else ' (the two of one rate were run and represent all)'}. "
            "*Whole command* is everything ours does: reading the corpus, training, "
            "validation, sampling, metrics and their reference, audio, scores, Comet archives, effects; the "
            "peer only trains. *Training alone* is the sum of the runs' training seconds "
            "(steps, validation, saving) ÷ the number of parallel runs."
        ),
        rows=[
            Row(name, "whole command", "course's loop", Comparison(timings["ours"], peer), "sweep", 2, 4),
            Row(name, "training alone", "course's loop", Comparison(training, peer), "sweep"),
        ],
        tables=[_stages_table(sweeps)],
    )


def of_full(num_iterations: int) -> str:
    """A remark if fewer iterations are measured than required, else ""."""
    return "" if num_iterations == FULL_ITERATIONS else f" (the full workload has {FULL_ITERATIONS:,})"


def _training_seconds(records: Sequence[RunRecord]) -> float:
    # Like the launcher: as many runs in parallel as there are cores for their threads.
    num_threads = max(_threads_of(record.config) for record in records)
    at_a_time = max(num_cores() // num_threads, 1)
    return sum(record.timing["train_seconds"] for record in records) / at_a_time


def _stages_table(sweeps: Sequence[Sequence[RunRecord]]) -> str:
    """The stages of a run, with the median and the longest duration over all runs."""
    records = [record for sweep in sweeps for record in sweep]
    rows = []
    for stage in STAGES:
        seconds = [record.timing[f"{stage}_seconds"] for record in records]
        rows.append([stage, f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}"])
    return markdown_table(["a run of the sweep, seconds", "median", "longest"], rows)


def _threads_of(config: Mapping[str, Any]) -> int:
    return int(config["training"]["num_threads"])


def _peer_seconds(num_iterations: int, rates: Sequence[float]) -> float:
    """Total seconds of the processes for these rates, including their start."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "corpus.txt"
        text.write_text(training_text(default_corpus().part("train")), encoding="utf-8")
        started = time.perf_counter()
        for rate in rates:
            for seed in SEEDS:
                _run_peer(text, rate, seed, num_iterations)
        return time.perf_counter() - started


def _run_peer(text: Path, learning_rate: float, seed: int, num_iterations: int) -> None:
    arguments = {
        "hidden-size": 256,
        "batch-size": 32,
        "sequence-length": 100,
        "learning-rate": learning_rate,
        "iterations": num_iterations,
        "seed": seed,
    }
    options = [f"--{name}={value}" for name, value in arguments.items()]
    command = [sys.executable, "-m", "benchmarks.peers.course", str(text), *options]
    subprocess.run(command, check=True, capture_output=True)
