"""One run from its config to its songs: train or go on, sample, measure, render, track.

The steps stand in `execute`, in their order.
"""

import logging
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen import __version__
from musicgen.effects.figures.draw import write_figures
from musicgen.engine.computing import computing_on
from musicgen.model.network import CharacterNetwork, build_network
from musicgen.records.record import RunRecord
from musicgen.records.store import keep_below
from musicgen.run.experiment import open_tracker, track_results, track_row
from musicgen.run.measure import measure_losses, measure_tunes
from musicgen.run.prepare import PreparedRun
from musicgen.run.songs import Song, render_songs, write_rows, write_tunebook
from musicgen.sampling.generation import SampledTune, sample_tunes
from musicgen.seeds import torch_seed
from musicgen.tracking.history import HistoryFile
from musicgen.tracking.tracker import Tracker
from musicgen.training.loop import Task, fit
from musicgen.training.outcome import Fit, Record, TrainingDiverged
from musicgen.training.progress import TrainingProgress, report_stage
from musicgen.training.threads import num_cores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

VERSIONS_OF = ("torch", "numpy", "scipy", "hydra-core", "comet_ml", "symusic", "verovio")


def execute(prepared: PreparedRun) -> RunRecord:
    """Do the run. Its record says how it ended, also where this raises."""
    record = _open_record(prepared)
    record.write(prepared.directory)
    name = " ".join(prepared.changes)
    tracker = open_tracker(prepared.config, prepared.directory, prepared.corpus.name, name)
    started = time.perf_counter()
    try:
        with computing_on(prepared.num_threads):
            if prepared.config.training.stop_iteration is None:
                _do_steps(prepared, record, tracker)
                record.status = "complete"
            else:
                _look(prepared, record, tracker)
                record.status = "pruned"
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
        record.write(prepared.directory)
    return record


def _do_steps(prepared: PreparedRun, record: RunRecord, tracker: Tracker) -> None:
    started = time.perf_counter()
    tracker.log_parameters(prepared.config.as_dict())
    fitted = _train(prepared, record, tracker)
    network = fitted.checkpoint.network(prepared.device, prepared.precision, prepared.config.training.engine)
    has_trained = fitted.iterations > fitted.reused_iterations
    # The losses are kept for runs that only sample this network. So the run that trained it computes them
    # first, and the others need them last.
    if has_trained:
        report_stage("measuring losses")
        measure_losses(prepared, record, fitted, network)
    tunes = _sample(prepared, record, fitted, network)
    evaluation, figures = measure_tunes(prepared, record, fitted, tunes)
    if not has_trained:
        measure_losses(prepared, record, fitted, network)
    report_stage("rendering")
    songs = _render(prepared, record, tunes)
    write_rows(tunes, evaluation.per_tune, songs, prepared.directory)
    _write_plots(prepared, record, figures)
    track_results(tracker, record, prepared.directory)
    _describe_training(prepared, fitted, time.perf_counter() - started - fitted.train_seconds)
    paths = prepared.config.paths
    if paths.store_gigabytes is not None:
        keep_below(Path(paths.store), paths.store_gigabytes, locks=paths.locks)


def _look(prepared: PreparedRun, record: RunRecord, tracker: Tracker) -> None:
    """Train to the stop alone: whoever set it wants to know whether more is worth it, and hears no tunes."""
    fitted = _train(prepared, record, tracker)
    record.metrics["fit/validation_loss"] = fitted.best_validation_loss


def _open_record(prepared: PreparedRun) -> RunRecord:
    return RunRecord(
        run_id=prepared.run_id,
        training_id=prepared.training_id,
        status="running",
        seed=prepared.config.seed,
        config=prepared.config.as_dict(),
        command=prepared.command,
        corpus=prepared.corpus.summary(),
        change=prepared.config.change,
        retuned=prepared.config.retuned,
        versions={
            "musicgen": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS_OF},
        },
        machine={
            "cores": num_cores(),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def _describe_training(prepared: PreparedRun, fitted: Fit, other_seconds: float) -> None:
    """Tell the store what was trained and how long it took, from which plans expect the time of others."""
    config = prepared.config
    training = config.training
    prepared.store.describe(
        {
            "run_id": prepared.run_id,
            "corpus": prepared.corpus.name,
            "seed": config.seed,
            **asdict(config.model),
            "learning_rate": training.learning_rate,
            "batch_size": training.batch_size,
            "sequence_length": training.sequence_length,
            "num_threads": training.num_threads,
            "precision": training.precision,
            "engine": training.engine,
            "operations": config.model.training_flops * training.batch_size * training.sequence_length,
            "seconds_per_iteration": fitted.seconds_per_iteration,
            "seconds_besides_training": other_seconds,
        }
    )


def _train(prepared: PreparedRun, record: RunRecord, tracker: Tracker) -> Fit:
    config, corpus = prepared.config, prepared.corpus
    task = Task(
        network=build_network(
            config.model,
            corpus.vocabulary.size,
            torch_seed(config.seed, "initialisation"),
            prepared.precision,
            config.training.engine,
        ).to(prepared.device),
        vocabulary=corpus.vocabulary,
        windows=prepared.windows,
        validation=prepared.validation,
        config=config.training,
        folder=prepared.store,
        dropout_seed=torch_seed(config.seed, "dropout"),
        device=prepared.device,
        weights=config.sampling.weights,
    )
    with (
        TrainingProgress(config.training.last_iteration) as progress,
        HistoryFile(prepared.directory / "history.csv") as history,
    ):

        def tell(row: Record) -> None:
            """Put a row of the history before everyone who follows the run."""
            progress.record(row)
            values = asdict(row)
            history.write(values)
            track_row(tracker, values)

        fitted = fit(task, progress.step, tell)
    record.weights = os.path.relpath(fitted.state, prepared.directory)
    record.timing |= {
        "train_seconds": fitted.train_seconds,
        "trained_iterations": fitted.iterations - fitted.reused_iterations,
        "reused_iterations": fitted.reused_iterations,
        "tokens_per_second": fitted.tokens_per_second,
    }
    return fitted


def _sample(
    prepared: PreparedRun, record: RunRecord, fitted: Fit, network: CharacterNetwork
) -> list[SampledTune]:
    started = time.perf_counter()
    report_stage("sampling")
    config, checkpoint = prepared.config.sampling, fitted.checkpoint
    log.info("sampling %d tunes from the network of iteration %d", config.num_tunes, checkpoint.iteration)
    tunes = sample_tunes(
        network, checkpoint.vocabulary, config, prepared.prompts, prepared.config.seed, prepared.device
    )
    write_tunebook(tunes, prepared.origin, prepared.directory)
    record.timing["sample_seconds"] = time.perf_counter() - started
    return tunes


def _render(prepared: PreparedRun, record: RunRecord, tunes: Sequence[SampledTune]) -> list[Song]:
    started = time.perf_counter()
    songs = render_songs(tunes, prepared.origin, prepared.config.rendering, prepared.directory)
    record.timing["render_seconds"] = time.perf_counter() - started
    return songs


def _write_plots(prepared: PreparedRun, record: RunRecord, figures: Mapping[str, "Figure"]) -> None:
    started = time.perf_counter()
    write_figures(figures, prepared.directory / "plots", suffixes=["png"])
    record.timing["plots_seconds"] = time.perf_counter() - started
