"""One run from its config to its songs: train or go on, sample, measure, render, track.

The steps stand in `execute`, in their order. Everything that a user can have got wrong is checked in
`prepare`, before anything is written.
"""

import logging
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from musicgen import __version__
from musicgen.config import Config
from musicgen.corpus.corpus import Corpus, load_corpus, training_text
from musicgen.corpus.windows import RandomWindows
from musicgen.errors import InputError
from musicgen.files import replace_atomically
from musicgen.metrics.evaluation import Evaluation, Evaluator
from musicgen.metrics.reference import build_reference
from musicgen.model.checkpoint import Checkpoint
from musicgen.model.network import CharacterNetwork, build_network
from musicgen.rendering import check_soundfont
from musicgen.sampling.generation import SampledTune, sample_tunes
from musicgen.seeds import generator_for, torch_seed
from musicgen.songs import Song, render_songs, write_rows, write_tunebook
from musicgen.study.identity import run_identity, training_identity
from musicgen.study.record import RunRecord
from musicgen.tracking.comet import CometTracker
from musicgen.tracking.history import HistoryFile
from musicgen.tracking.tracker import NoTracker, Tracker
from musicgen.training.figures import loss_figure
from musicgen.training.loop import Task, fit
from musicgen.training.loss import encode_tunes, mean_loss
from musicgen.training.outcome import Fit, Record, TrainingDiverged
from musicgen.training.progress import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

VERSIONS_OF = ("torch", "numpy", "scipy", "hydra-core", "comet_ml", "symusic", "verovio")


@dataclass(frozen=True)
class Plan:
    """A run whose input is known to be good."""

    config: Config
    corpus: Corpus
    prompts: Sequence[str]
    windows: RandomWindows
    device: torch.device
    training_id: str
    run_id: str
    directory: Path
    command: str
    changes: Sequence[str]
    """The overrides that made this config."""

    @property
    def store(self) -> Path:
        """Where the weights of this training are."""
        return Path(self.config.paths.outputs) / "store" / self.training_id

    @property
    def weights(self) -> Path:
        """The checkpoint that is sampled."""
        return self.store / f"{self.config.sampling.weights}.pt"

    @property
    def origin(self) -> str:
        """Model and seed, for the headers of sampled tunes."""
        model = self.config.model
        return (
            f"musicgen run {self.run_id}, {model.cell} {model.num_layers} x {model.hidden_size}, "
            f"corpus {self.corpus.name}, seed {self.config.seed}"
        )


def prepare(config: Config, directory: Path, command: str, changes: Sequence[str]) -> Plan:
    """Read the corpus and check everything that may be wrong; raises InputError."""
    device = _choose_device(config.device)
    prompts = config.sampling.read_prompts()
    if config.rendering.num_tunes:
        check_soundfont(config.rendering)
    corpus = load_corpus(config.data)
    for line in corpus.report.lines():
        log.info("%s: %s", corpus.name, line)
    for prompt in prompts:
        corpus.vocabulary.encode_prompt(prompt)
    training = config.training
    windows = RandomWindows(
        corpus.vocabulary.encode(training_text(corpus.part("train"))),
        training.batch_size,
        training.sequence_length,
        generator_for(config.seed, "batches"),
    )
    training_id = training_identity(config.as_dict(), corpus.sha256, device.type)
    run_id = run_identity(config.as_dict(), training_id)
    return Plan(config, corpus, prompts, windows, device, training_id, run_id, directory, command, changes)


def _choose_device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device=cuda: torch finds no CUDA device here; allowed are auto and cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def execute(plan: Plan) -> RunRecord:
    """Do the run. Its record says how it ended, also where this raises."""
    record = _open_record(plan)
    record.write(plan.directory)
    tracker = _open_tracker(plan)
    started = time.perf_counter()
    try:
        tracker.log_parameters(plan.config.as_dict())
        fitted = _train(plan, record, tracker)
        network, tunes = _sample(plan, record)
        evaluation = _measure(plan, record, fitted, network, tunes)
        songs = _render(plan, record, tunes)
        write_rows(tunes, evaluation.per_tune, songs, plan.directory)
        figures = {"loss": loss_figure(fitted.history, fitted.best_iteration)}
        pictures = _draw(figures, plan.directory / "plots")
        _track_results(
            tracker, record, songs, [plan.directory / "tunes.abc", plan.directory / "tunes.csv"], pictures
        )
        record.status = "complete"
    except KeyboardInterrupt as interruption:
        record.status = "interrupted"
        record.error = str(interruption) or "interrupted"
        raise
    except TrainingDiverged as divergence:
        record.status = "diverged"
        record.error = str(divergence)
        raise
    except Exception as error:
        record.status = "failed"
        record.error = f"{type(error).__name__}: {error}"
        raise
    finally:
        record.tracker = dict(tracker.end())
        record.timing["total_seconds"] = time.perf_counter() - started
        record.write(plan.directory)
    return record


def _open_record(plan: Plan) -> RunRecord:
    return RunRecord(
        run_id=plan.run_id,
        training_id=plan.training_id,
        status="running",
        seed=plan.config.seed,
        config=plan.config.as_dict(),
        command=plan.command,
        corpus=plan.corpus.summary(),
        weights=os.path.relpath(plan.weights, plan.directory),
        versions={
            "musicgen": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS_OF},
        },
    )


def _open_tracker(plan: Plan) -> Tracker:
    config = plan.config.tracker
    if config.kind == "none":
        return NoTracker()
    name = " ".join(plan.changes) or "defaults"
    tags = [plan.corpus.name, plan.config.model.cell, f"seed={plan.config.seed}"]
    return CometTracker(config, plan.directory / "comet", name, tags)


def _train(plan: Plan, record: RunRecord, tracker: Tracker) -> Fit:
    config, corpus = plan.config, plan.corpus
    plan.store.mkdir(parents=True, exist_ok=True)
    task = Task(
        network=build_network(
            config.model, corpus.vocabulary.size, torch_seed(config.seed, "initialisation")
        ).to(plan.device),
        model=config.model,
        vocabulary=corpus.vocabulary,
        windows=plan.windows,
        validation=encode_tunes(corpus.part("validation"), corpus.vocabulary, plan.device),
        config=config.training,
        folder=plan.store,
        dropout_seed=torch_seed(config.seed, "dropout"),
        device=plan.device,
    )
    with (
        Progress(config.training.num_iterations) as progress,
        HistoryFile(plan.directory / "history.csv") as history,
    ):

        def show(row: Record) -> None:
            progress.record(row)
            values = asdict(row)
            history.write(values)
            tracker.log_metrics(
                {f"fit/{name}": values[name] for name in ("train_loss", "validation_loss", "learning_rate")},
                iteration=row.iteration,
            )

        fitted = fit(task, progress.step, show)
    record.timing |= {
        "train_seconds": fitted.train_seconds,
        "trained_iterations": fitted.iterations - fitted.reused_iterations,
        "reused_iterations": fitted.reused_iterations,
        "tokens_per_second": fitted.tokens_per_second,
    }
    return fitted


def _sample(plan: Plan, record: RunRecord) -> tuple[CharacterNetwork, list[SampledTune]]:
    started = time.perf_counter()
    checkpoint = Checkpoint.load(plan.weights)
    network = checkpoint.network(plan.device)
    config = plan.config.sampling
    log.info("sampling %d tunes from the network of iteration %d", config.num_tunes, checkpoint.iteration)
    tunes = sample_tunes(network, checkpoint.vocabulary, config, plan.prompts, plan.config.seed, plan.device)
    write_tunebook(tunes, plan.origin, plan.directory)
    record.timing["sample_seconds"] = time.perf_counter() - started
    return network, tunes


def _measure(
    plan: Plan, record: RunRecord, fitted: Fit, network: CharacterNetwork, tunes: Sequence[SampledTune]
) -> Evaluation:
    started = time.perf_counter()
    corpus = plan.corpus
    metrics: dict[str, float | None] = {
        "fit/best_iteration": fitted.best_iteration,
        "fit/final_validation_loss": fitted.final_validation_loss,
    }
    losses = {
        part: mean_loss(network, encode_tunes(corpus.part(part), corpus.vocabulary, plan.device))
        for part in ("train", "validation", "test")
    }
    for part, loss in losses.items():
        metrics[f"fit/{part}_loss"] = loss.nats
        metrics[f"fit/{part}_bits"] = loss.bits
        metrics[f"fit/{part}_body_loss"] = loss.body_nats
    metrics["fit/generalisation_gap"] = losses["test"].nats - losses["train"].nats
    # The best loss also where the last weights are sampled.
    metrics["fit/validation_loss"] = fitted.best_validation_loss
    reference = build_reference(
        corpus.tunes,
        num_tunes=len(tunes),
        groups=corpus.groups,
        cache_dir=Path(plan.config.paths.outputs) / "cache",
    )
    evaluator = Evaluator(reference, corpus.part("train"), [*corpus.part("validation"), *corpus.part("test")])
    evaluation = evaluator.evaluate([tune.text for tune in tunes], ended=[tune.ended for tune in tunes])
    record.metrics = metrics | evaluation.metrics
    record.reference = {
        name: {"mean": mean, "sd": reference.sd[name]} for name, mean in reference.mean.items()
    }
    record.floor = dict(reference.floor)
    record.reasons = evaluation.reasons
    record.timing["evaluate_seconds"] = time.perf_counter() - started
    return evaluation


def _render(plan: Plan, record: RunRecord, tunes: Sequence[SampledTune]) -> list[Song]:
    started = time.perf_counter()
    songs = render_songs(tunes, plan.origin, plan.config.rendering, plan.directory)
    record.timing["render_seconds"] = time.perf_counter() - started
    return songs


def _draw(figures: dict[str, "Figure"], folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        with replace_atomically(path) as temporary:
            figure.savefig(temporary, dpi=120)
        paths.append(path)
    return paths


def _track_results(
    tracker: Tracker,
    record: RunRecord,
    songs: Sequence[Song],
    files: Sequence[Path],
    pictures: Sequence[Path],
) -> None:
    tracker.log_metrics(record.metrics)
    tracker.log_metrics({f"timing/{name}": value for name, value in record.timing.items()})
    for song in songs:
        rendered = song.rendered
        if rendered.audio is not None:
            metadata = {
                "prompt": song.tune.prompt,
                "temperature": song.tune.temperature,
                "tune": song.tune.index,
            }
            tracker.log_audio(rendered.audio, metadata)
        pictures = [*pictures, *(path for path in (rendered.score, rendered.piano_roll) if path is not None)]
    for path in pictures:
        tracker.log_image(path)
    for path in files:
        tracker.log_file(path)
