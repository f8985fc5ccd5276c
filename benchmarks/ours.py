"""The project's side of every comparison, with the functions that its commands use."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from benchmarks.corpora import default_corpus
from musicgen.config import Config, compose_config, resolve
from musicgen.corpus.corpus import Corpus, training_text
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.corpus.windows import RandomWindows
from musicgen.engine.choice import Precision
from musicgen.engine.computing import computing_on
from musicgen.engine.products import has_fast_bf16
from musicgen.model.inputs import text_rows
from musicgen.model.network import CharacterNetwork, build_network
from musicgen.sampling.generation import sample_tunes
from musicgen.sampling.prompts import Prompt
from musicgen.seeds import generator_for
from musicgen.system.cores import num_cores
from musicgen.training.folder import TrainingFolder
from musicgen.training.loop import Task, fit
from musicgen.training.loss import encode_tunes

CPU = torch.device("cpu")
_PROMPT = "X"
WARM_UP_STEPS = 10
"""Steps at the start of a training that are not timed."""


@dataclass(frozen=True)
class Shape:
    """The sizes that determine the cost of a training step; the embedding size is 256 on all sides."""

    cell: str
    hidden_size: int
    batch_size: int
    sequence_length: int
    num_layers: int = 1
    embedding_size: int = 256

    def __str__(self) -> str:
        layers = f" × {self.num_layers} layers" if self.num_layers > 1 else ""
        batch = f"batch {self.batch_size} × {self.sequence_length}"
        return f"{self.cell.upper()} {self.hidden_size}{layers}, {batch}"


def precisions() -> dict[str, tuple[str, ...]]:
    """Precision -> overrides. Without bf16 if the processor lacks it: a step would take minutes."""
    names = [name for name in get_args(Precision) if name != "bf16" or has_fast_bf16()]
    return {name: (f"training.precision={name}",) for name in names}


@cache
def config_of(shape: Shape, overrides: tuple[str, ...] = ()) -> Config:
    """The config of `experiment=lab` with another shape, on all cores."""
    return resolve(
        compose_config(
            [
                "experiment=lab",
                f"model.cell={shape.cell}",
                f"model.hidden_size={shape.hidden_size}",
                f"model.num_layers={shape.num_layers}",
                f"model.embedding_size={shape.embedding_size}",
                "model.dropout=0.0",
                f"training.batch_size={shape.batch_size}",
                f"training.sequence_length={shape.sequence_length}",
                f"training.num_threads={num_cores()}",
                *overrides,
            ]
        )
    )


def precision_of(config: Config) -> Precision:
    """The precision of a resolved config."""
    assert config.training.precision is not None
    return config.training.precision


def threads_of(config: Config) -> int:
    """The number of threads of a resolved config."""
    assert config.training.num_threads is not None
    return config.training.num_threads


@contextmanager
def own_process() -> Iterator[Callable[..., Any]]:
    """Run our side in a separate process, because its memory settings must not affect the peers.

    Yields a function that calls another function with arguments in that process, and returns its result.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield lambda work, *arguments: pool.submit(work, *arguments).result()


def spell(config: Config, corpus: Corpus) -> tuple[list[str], Vocabulary]:
    """The training tunes as the config's network reads them, and their vocabulary."""
    spelling = config.model.spelling
    spelled = [spelling.spell(tune) for tune in corpus.part("train")]
    return spelled, Vocabulary.of(spelled, spelling)


def training_task(
    config: Config,
    folder: Path,
    corpus: Corpus,
    validation: Sequence[str],
    *,
    network: CharacterNetwork | None = None,
    tokens: np.ndarray | None = None,
    seed: int = 0,
    device: torch.device = CPU,
) -> Task:
    """The task of a run that trains on the corpus, or on these tokens."""
    spelled, vocabulary = spell(config, corpus)
    network = network or build_network(
        config.model, vocabulary.size, 0, precision_of(config), config.training.engine
    )
    if tokens is None:
        tokens = vocabulary.encode(training_text(spelled))
    training = config.training
    return Task(
        network=network.to(device),
        vocabulary=vocabulary,
        windows=RandomWindows(
            text_rows(config.model, vocabulary, tokens),
            training.batch_size,
            training.sequence_length,
            generator_for(seed, "batches"),
        ),
        validation=encode_tunes(validation, vocabulary, config.model).to(device),
        config=training,
        folder=TrainingFolder(folder),
        dropout_seed=0,
        device=device,
    )


def whole_training_seconds(config: Config) -> float:
    """Seconds of a complete training on the default corpus, including validations."""
    corpus = default_corpus()
    with tempfile.TemporaryDirectory() as folder, computing_on(threads_of(config)):
        task = training_task(config, Path(folder), corpus, corpus.part("validation"))
        return fit(task, lambda _step: None, lambda _row: None).train_seconds


def step_seconds(
    config: Config,
    num_steps: int,
    warm_up_steps: int = WARM_UP_STEPS,
    corpus: Corpus | None = None,
    tokens: np.ndarray | None = None,
    device: torch.device = CPU,
) -> float:
    """Mean seconds of an iteration in a training, over `num_steps` after the warm-up.

    Includes everything between two steps, such as drawing windows and writing history rows. The only
    validation, of one tune, and saving the state come after the last step and are not included.
    """
    corpus = corpus or default_corpus()
    num_iterations = warm_up_steps + num_steps
    # A warm-up of the learning rate must be shorter than the training, and costs nothing.
    training = replace(
        config.training,
        num_iterations=num_iterations,
        validation_interval=num_iterations,
        warmup_iterations=0,
    )
    config = replace(config, training=training)
    moments: list[float] = []

    def note(step: int) -> None:
        if device.type == "cuda" and step in (warm_up_steps, num_iterations):
            # Steps are only queued; the first and the last moment are those at which the card is done.
            torch.cuda.synchronize()
        moments.append(time.perf_counter())

    shortest = [min(corpus.part("validation"), key=len)]
    with tempfile.TemporaryDirectory() as folder, computing_on(threads_of(config)):
        task = training_task(config, Path(folder), corpus, shortest, tokens=tokens, device=device)
        fit(task, note, lambda _row: None)
    assert len(moments) == num_iterations
    return (moments[-1] - moments[warm_up_steps - 1]) / num_steps


def seconds_per_character(shape: Shape, num_tunes: int, max_chars: int) -> float:
    """Seconds per sampled character of a network of this shape, with all tunes in one call."""
    return drawing_seconds(config_of(shape), num_tunes, max_chars) / (num_tunes * (max_chars - len(_PROMPT)))


def drawing_seconds(config: Config, num_tunes: int, max_chars: int, device: torch.device = CPU) -> float:
    """Seconds of sampling tunes from the config's network, with all tunes in one call.

    The network is untrained, and its score of the newline is so low that every tune reaches its cap.
    """
    _, vocabulary = spell(config, default_corpus())
    network = build_network(config.model, vocabulary.size, 0, precision_of(config), config.training.engine)
    with torch.no_grad():
        network.output.bias[vocabulary.newline] = -100.0
    network.to(device).eval()
    sampling = replace(config.sampling, num_tunes=num_tunes, max_chars=max_chars, temperature=1.0)
    prompts = [Prompt.verbatim(_PROMPT)]
    with computing_on(threads_of(config)):
        started = time.perf_counter()
        tunes = sample_tunes(network, vocabulary, sampling, prompts, seed=0, device=device)
        seconds = time.perf_counter() - started
    assert not any(tune.ended for tune in tunes), "a tune ended before its cap"
    return seconds


def run_command(*overrides: str, folder: Path) -> tuple[Path, float]:
    """Run `python -m musicgen.train`; returns the run's or sweep's directory and the seconds."""
    command = [sys.executable, "-m", "musicgen.train", *overrides, f"paths.outputs={folder}"]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return Path(done.stdout.strip().splitlines()[-1]), seconds


def run_alone(*overrides: str) -> float:
    """Seconds of one run in a new output tree, which is deleted afterwards."""
    folder = Path(tempfile.mkdtemp())
    try:
        return run_command(*overrides, folder=folder)[1]
    finally:
        shutil.rmtree(folder)
