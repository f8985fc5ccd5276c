"""One run from its config to its songs: train or resume, sample, measure, render, track.

`_do_steps` has the steps in their order.
"""

import logging
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from musicgen import __version__
from musicgen.effects.figures.draw import write_figures
from musicgen.engine.computing import computing_on
from musicgen.errors import one_line
from musicgen.model.transfer import start_from
from musicgen.records.record import RunRecord
from musicgen.records.store import keep_below, training_folder
from musicgen.run.choice import choose_tunes
from musicgen.run.draws import draw_tunes
from musicgen.run.experiment import open_trackers, track_results, track_row, track_status
from musicgen.run.measure import measure_losses, measure_tunes
from musicgen.run.prepare import PreparedRun
from musicgen.run.songs import describe_copies, origin_of, render_songs, spoken_name, write_draws, write_rows
from musicgen.run.start import leak_warning
from musicgen.run.task import new_task
from musicgen.sampling.generation import sample_tunes
from musicgen.system.checkout import commit
from musicgen.system.cores import num_cores
from musicgen.tracking.history import HistoryFile
from musicgen.tracking.tracker import Tracker
from musicgen.training.figures import loss_figure
from musicgen.training.folder import TrainingFolder
from musicgen.training.log import memorising_warning, time_warning
from musicgen.training.loop import fit
from musicgen.training.outcome import Fit, Record, TrainingDiverged
from musicgen.training.progress import TrainingProgress, report_stage

log = logging.getLogger(__name__)

_TRAINED_AT, _TRAINED_BY = "trained_at", "trained_by"
"""Fields of a training's about.json."""
VERSIONS_OF = ("torch", "numpy", "scipy", "hydra-core", "comet_ml", "symusic", "verovio")


def execute(run: PreparedRun) -> RunRecord:
    """Do the run. Its record says how it ended, even if this raises."""
    config = run.config
    assert config.training.num_threads is not None
    record = _open_record(run)
    record.write(run.directory)
    tracker = open_trackers(config, run.directory, run.inputs.corpus.name, run.changes)
    if tracker.started:
        record.tracker = dict(tracker.started)
        record.write(run.directory)
    track_status(tracker, record, run.directory)
    started = time.perf_counter()
    try:
        run.inputs.keep()
        with computing_on(config.training.num_threads):
            if config.training.stop_iteration is None:
                _do_steps(run, record, tracker)
                record.status = "complete"
            else:
                # A search stopped the trial here, and only asks for its loss.
                fitted = _train(run, record, tracker)
                record.metrics["fit/validation_loss"] = fitted.best_validation_loss
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
        track_status(tracker, record, run.directory)
        record.tracker = dict(tracker.end())
        record.timing["total_seconds"] = time.perf_counter() - started
        record.write(run.directory)
    return record


def _do_steps(run: PreparedRun, record: RunRecord, tracker: Tracker) -> None:
    started = time.perf_counter()
    tracker.log_parameters(run.config.as_dict())
    fitted = _train(run, record, tracker)
    if fitted.ran_out_of_time:
        run = run.with_training(replace(run.config.training, stop_iteration=fitted.iterations))
        record.run_id, record.config = run.run_id, run.config.as_dict()
    config, inputs, directory = run.config, run.inputs, run.directory
    assert config.training.precision is not None
    network = fitted.checkpoint.network(run.device, config.training.precision, config.training.engine)

    def take_losses() -> None:
        with _timed(record, "losses_seconds"):
            measure_losses(network, fitted, inputs, config, run.device, record)

    # The losses are kept for runs that only sample this network. So the run that trained it computes them
    # first, and the others need them last.
    has_trained = fitted.iterations > fitted.reused_iterations
    if has_trained:
        report_stage("measuring losses")
        take_losses()
    report_stage("sampling")
    with _timed(record, "sample_seconds"):
        iteration = fitted.checkpoint.iteration
        log.info("sampling %d tunes from the network of iteration %d", config.sampling.num_tunes, iteration)
        vocabulary, seed = fitted.checkpoint.vocabulary, config.seed
        draws = draw_tunes(
            lambda numbers: sample_tunes(
                network, vocabulary, config.sampling, run.prompts, seed, run.device, draws=numbers
            ),
            config.sampling,
        )
        tunes = draws.tunes
        origin = origin_of(run.run_id, config.model, inputs.corpus.name, config.seed)
        write_draws(draws, origin, directory)
        if draws.has_conditions:
            record.num_draws, record.num_kept = len(tunes), len(draws.kept)
            record.draws = draws.summary
            log.info(draws.summary)
    with _timed(record, "evaluate_seconds"):
        evaluation, figures = measure_tunes(tunes, inputs, config, record)
        if copies := describe_copies(draws, evaluation.per_tune):
            log.info(copies)
        if config.rendering.plots:
            figures["loss"] = loss_figure(fitted.history, fitted.best_iteration)
    if not has_trained:
        take_losses()
    report_stage("rendering")
    with _timed(record, "render_seconds"):
        chosen = choose_tunes(draws.kept, config.rendering.num_tunes)
        if chosen.shortfall:
            log.warning(chosen.shortfall)
        songs = render_songs(
            chosen.tunes, origin, spoken_name(config.model, config.seed), config.rendering, directory
        )
    write_rows(draws, evaluation.per_tune, songs, directory)
    with _timed(record, "plots_seconds"):
        write_figures(figures, directory / "plots", suffixes=["png"])
    track_results(tracker, record, directory)
    other_seconds = time.perf_counter() - started - fitted.train_seconds
    folder = training_folder(config, run.training_id)
    _describe_training(folder, run, fitted, other_seconds)
    paths = config.paths
    if paths.store_gigabytes is not None:
        keep_below(Path(paths.store), paths.store_gigabytes, locks=paths.locks)


@contextmanager
def _timed(record: RunRecord, name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    record.timing[name] = time.perf_counter() - started


def _train(run: PreparedRun, record: RunRecord, tracker: Tracker) -> Fit:
    config, device = run.config, run.device
    training = config.training
    task = new_task(config, run.inputs, device, run.training_id)
    if run.start is not None:
        checkpoint = run.start.checkpoint
        start_from(task.network, task.vocabulary, checkpoint.weights, checkpoint.vocabulary)
    with (
        TrainingProgress(training.last_iteration) as progress,
        HistoryFile(run.directory / "history.csv") as history,
    ):

        def report(row: Record) -> None:
            progress.record(row)
            values = asdict(row)
            history.write(values)
            track_row(tracker, values)

        def begin(reused: int, end: int) -> None:
            progress.resume(reused)
            if reused:
                log.info(stored_training(task.folder.about, task.folder.path, reused, end))

        fitted = fit(task, progress.step, report, begin)
    record.weights = os.path.relpath(fitted.state, run.directory)
    record.warnings += [*time_warning(fitted, training), *memorising_warning(fitted, training)]
    for line in record.warnings:
        log.warning("%s", line)
    record.timing |= {
        "train_seconds": fitted.train_seconds,
        "trained_iterations": fitted.iterations - fitted.reused_iterations,
        "reused_iterations": fitted.reused_iterations,
        "tokens_per_second": fitted.tokens_per_second,
    }
    return fitted


def stored_training(about: Mapping[str, object], folder: Path, reused: int, end: int) -> str:
    """Says in a line that the first iterations come from the store, and who trained them when.

    about: the training's about.json in `folder`; that of an earlier version does not say who and when.
    """
    trained_at, directory = (str(about.get(name) or "") for name in (_TRAINED_AT, _TRAINED_BY))
    when = f" on {trained_at[:10]}" if trained_at else ""
    who = f" by {_shown(folder / directory)}" if directory else " before"
    when, who = one_line(when), one_line(who)
    if reused >= end:
        return f"weights from the store: trained{when}{who}, 0 iterations trained now"
    return f"resuming from iteration {reused} of {end} in the store, trained{when}{who}"


def _shown(path: Path) -> Path:
    """The path as a user would write it: relative below the current folder."""
    path, here = path.resolve(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _trained_by(folder: TrainingFolder, run: PreparedRun, fitted: Fit) -> dict[str, object]:
    """When and by which run, relative to the folder, the training was last continued."""
    if fitted.iterations > fitted.reused_iterations:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return {_TRAINED_AT: now, _TRAINED_BY: os.path.relpath(run.directory, folder.path)}
    about = folder.about
    return {name: about[name] for name in (_TRAINED_AT, _TRAINED_BY) if name in about}


def _open_record(run: PreparedRun) -> RunRecord:
    found = commit()
    return RunRecord(
        run_id=run.run_id,
        training_id=run.training_id,
        status="running",
        seed=run.config.seed,
        config=run.config.as_dict(),
        command=run.command,
        corpus=run.inputs.corpus.summary(),
        started_from={} if run.start is None else run.start.describe(run.seen_tunes),
        time_limit=run.time_limit,
        warnings=leak_warning(run.inputs.corpus, run.seen_tunes),
        change=run.config.change,
        retuned=run.config.retuned,
        versions={
            "musicgen": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS_OF},
            **({} if found is None else {"commit": found}),
        },
        machine={
            "cores": num_cores(),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def _describe_training(folder: TrainingFolder, run: PreparedRun, fitted: Fit, other_seconds: float) -> None:
    """Write into the store what was trained on, and how long it took: plans estimate from it."""
    config, corpus = run.config, run.inputs.corpus
    training = config.training
    folder.describe(
        {
            "run_id": run.run_id,
            **_trained_by(folder, run, fitted),
            "corpus": corpus.name,
            "corpus_sha256": corpus.sha256,
            "data": asdict(config.data),
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
