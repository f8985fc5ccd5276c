"""How long a training takes to become good: the default, and the course's set-up, on the same tunes."""

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from benchmarks.alternation import Comparison, Timing, format_seconds, markdown_table, report_progress
from benchmarks.machine import use_all_cores
from benchmarks.ours import CPU, own_process, threads_of, training_task
from benchmarks.peers.course import CourseNetwork, CourseTraining
from benchmarks.report import Part, Row
from musicgen.config import Config, compose_config, resolve
from musicgen.corpus.corpus import TUNE_END, Corpus, load_corpus, training_text
from musicgen.effects.figures.style import (
    CATEGORY_COLOURS,
    TEXT_SIZE,
    label_axes,
    new_figure,
    rule_lightly,
)
from musicgen.engine.computing import computing_on
from musicgen.metrics.tunes import read_tunes
from musicgen.metrics.validity import sound_rate
from musicgen.sampling.generation import sample_tunes
from musicgen.sampling.prompts import Prompt, plan_prompts
from musicgen.system.cores import num_cores
from musicgen.training.loop import Task, fit
from musicgen.training.outcome import Record

FIGURE = Path(__file__).resolve().parents[1] / "figures" / "time_to_quality.png"
DEFAULT = ("training.validation_interval=50",)
COURSE_ITERATIONS = 3000
INTERVAL = 100
"""Iterations between validations of the course's loop."""
PATIENCE = 6
"""Validations without a new best after which the course's loop stops here."""
FINAL_SHARE = 0.95
ROWS_PER_BATCH = 64
PADDING = -1
"""After the end of a tune that is shorter than others of its batch."""


@dataclass(frozen=True)
class Point:
    """A validation."""

    seconds: float
    """Of training until then. Ours counts its validations and saved states; the course's loop has none."""
    iteration: int
    loss: float
    """Nats per character as written."""
    sound_rate: float = math.nan
    """Of tunes drawn then; not measured for the course's loop."""


def measure() -> Part:
    """Train both to their best, once, and draw loss over time."""
    config = resolve(compose_config([*DEFAULT, f"training.num_threads={num_cores()}"]))
    report_progress("time to quality: the default")
    with own_process() as do:
        ours = do(our_points, config)
    report_progress("time to quality: the course's loop")
    use_all_cores()
    peer = peer_points(config, COURSE_ITERATIONS)
    best = min(peer, key=lambda point: point.loss)
    reached = first(ours, lambda point: point.loss <= best.loss)
    sounds = first(ours, lambda point: point.sound_rate >= FINAL_SHARE * ours[-1].sound_rate)
    draw(ours, peer, FIGURE)
    lowest = min(ours, key=lambda point: point.loss)
    rows = []
    if reached is not None:
        comparison = Comparison(Timing((reached.seconds,)), Timing((best.seconds,)))
        rows.append(
            Row(f"validation loss {best.loss:.3f}", "default", "course's loop", comparison, "training")
        )
    table = markdown_table(
        ["default: until", "iteration", "seconds", "validation loss", "sound rate"],
        [
            _row("the course's best loss", reached),
            _row(f"{FINAL_SHARE:.0%} of the final sound rate", sounds),
            _row("its own best loss", lowest),
            _row("the end", ours[-1]),
        ],
    )
    return Part(
        title="Time to quality",
        text=(
            f"Both learn the same {config.data.name} tunes and are validated on the same others, in nats per "
            f"character as written. The course's loop (LSTM 1024, batch 8 × 100, Adam at 5e-3) is best "
            f"after {best.iteration} iterations and {format_seconds(best.seconds)}; validating it is not "
            f"counted, validating ours is. Ours is validated every {config.training.validation_interval} "
            f"iterations; {config.sampling.num_tunes} tunes drawn there give the sound rate, which is not "
            "counted either. One training of each.\n\n"
            "![Validation loss over time](figures/time_to_quality.png)"
        ),
        rows=rows,
        tables=[table],
    )


def _row(name: str, point: Point | None) -> list[str]:
    if point is None:
        return [name, "never", "", "", ""]
    return [
        name,
        str(point.iteration),
        f"{point.seconds:.1f}",
        f"{point.loss:.3f}",
        f"{point.sound_rate:.3f}",
    ]


def first(points: list[Point], is_reached: Callable[[Point], bool]) -> Point | None:
    """The first point that fulfils a condition, if any."""
    return next((point for point in points if is_reached(point)), None)


def our_points(config: Config) -> list[Point]:
    """Train the config's network to its end; a point for each validation."""
    corpus = load_corpus(config.data)
    with tempfile.TemporaryDirectory() as folder, computing_on(threads_of(config)):
        task = training_task(config, Path(folder), corpus, corpus.part("validation"))
        prompts = plan_prompts(config.sampling, corpus.headers, task.vocabulary)
        points: list[Point] = []
        started, spent = time.perf_counter(), 0.0

        def note(record: Record) -> None:
            nonlocal spent
            if record.validation_loss is None:
                return
            now = time.perf_counter()
            rate = _sound_rate(task, config, prompts)
            points.append(Point(now - started - spent, record.iteration, record.validation_loss, rate))
            spent += time.perf_counter() - now

        fit(task, lambda _step: None, note)
    return points


def _sound_rate(task: Task, config: Config, prompts: list[Prompt]) -> float:
    task.network.eval()
    drawn = sample_tunes(task.network, task.vocabulary, config.sampling, prompts, config.seed, CPU)
    task.network.train()
    tunes = read_tunes([tune.text for tune in drawn], ended=[tune.ended for tune in drawn])
    return sound_rate(tunes, len(drawn))


def peer_points(config: Config, num_iterations: int) -> list[Point]:
    """Train the course's network on the same tunes until its validation loss no longer falls."""
    corpus = load_corpus(config.data)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 the course's loop draws its windows from it
    training = CourseTraining(
        corpus.vocabulary.encode(training_text(corpus.part("train"))),
        corpus.vocabulary.size,
        cell="lstm",
        hidden_size=1024,
        batch_size=8,
        sequence_length=100,
    )
    held_out = _padded(corpus)
    points: list[Point] = []
    seconds = 0.0
    for iteration in range(INTERVAL, num_iterations + 1, INTERVAL):
        started = time.perf_counter()
        for _ in range(INTERVAL):
            training.step()
        seconds += time.perf_counter() - started
        points.append(Point(seconds, iteration, loss_of(training.network, held_out)))
        best = min(points, key=lambda point: point.loss)
        if iteration - best.iteration >= PATIENCE * INTERVAL:
            break
    return points


def _padded(corpus: Corpus) -> list[Tensor]:
    """The validation tunes in batches of similar length, each with its first newline, [B, length]."""
    tunes = sorted(corpus.part("validation"), key=len)
    encoded = [torch.from_numpy(corpus.vocabulary.encode("\n" + tune + TUNE_END)) for tune in tunes]
    return [
        pad_sequence(encoded[first : first + ROWS_PER_BATCH], batch_first=True, padding_value=PADDING)
        for first in range(0, len(encoded), ROWS_PER_BATCH)
    ]


@torch.no_grad()
def loss_of(network: CourseNetwork, batches: list[Tensor]) -> float:
    """Nats per character of tunes [B, length], each from a zero state and given its first newline."""
    nats, number = 0.0, 0
    for tunes in batches:
        scores, _ = network(tunes[:, :-1].clamp(min=0))
        targets = tunes[:, 1:]
        nats += float(
            functional.cross_entropy(scores.transpose(1, 2), targets, reduction="sum", ignore_index=PADDING)
        )
        number += int((targets != PADDING).sum())
    return nats / number


def draw(ours: list[Point], peer: list[Point], path: Path) -> None:
    """Draw both losses, and our sound rate, over seconds of training."""
    figure, panels = new_figure("Time to quality", 1, 2, width=8.4, height=3.6)
    losses, rates = panels
    for name, points, colour in (
        ("musicgen's default", ours, CATEGORY_COLOURS[0]),
        ("course's loop", peer, CATEGORY_COLOURS[1]),
    ):
        seconds = [point.seconds for point in points]
        losses.plot(seconds, [point.loss for point in points], marker=".", color=colour, label=name)
    losses.legend(frameon=False, fontsize=TEXT_SIZE)
    seconds = [point.seconds for point in ours]
    rates.plot(seconds, [point.sound_rate for point in ours], marker=".", color=CATEGORY_COLOURS[0])
    rates.set_ylim(0.0, 1.0)
    for panel, label in ((losses, "validation loss, nats per character"), (rates, "sound rate")):
        panel.set_xlim(left=0.0)
        label_axes(panel, "seconds of training", label)
        rule_lightly(panel, "both")
    figure.savefig(path)
