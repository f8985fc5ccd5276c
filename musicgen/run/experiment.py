"""A run as an experiment of a tracker: what is logged during the run, and which of its files."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from musicgen.config import Config, config_from_dict
from musicgen.records.destination import is_of_sweep
from musicgen.records.naming import run_name, study_tags
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun, read_rows
from musicgen.tracking.config import COMET
from musicgen.tracking.history import COLUMNS
from musicgen.tracking.tracker import TrackedRun, Tracker, Trackers
from musicgen.tracking.trackers import openers

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")


def open_trackers(config: Config, directory: Path, corpus: str, overrides: Sequence[str]) -> Trackers:
    """The trackers of a run in a directory; overrides: those that made its config."""
    # A trial that a search stops early is not a whole run.
    if config.training.stop_iteration is not None:
        return Trackers({})
    tags = (corpus, config.model.cell, f"seed={config.seed}", *study_tags(config))
    name, is_of = run_name(config, overrides), is_of_sweep(directory)
    run = TrackedRun(directory, name, tags, config.as_dict(), is_of_sweep=is_of)
    return Trackers(openers(config.tracker, run))


def track_row(tracker: Tracker, row: Mapping[str, float | None]) -> None:
    """Log a row of history.csv."""
    iteration = row["iteration"]
    assert iteration is not None
    named = {f"fit/{name}": row[name] for name in ("train_loss", "validation_loss", "learning_rate")}
    tracker.log_metrics(named, iteration=int(iteration))


def track_results(tracker: Tracker, record: RunRecord, directory: Path) -> None:
    """Log what the run measured, sampled and rendered, as far as the directory holds it."""
    tracker.log_metrics(record.metrics)
    tracker.log_metrics({f"timing/{name}": value for name, value in record.timing.items()})
    tunes = {f"{int(row['index']):03d}": row for row in FoundRun(directory, record).tune_rows()}
    songs = directory / "tunes"
    for path in sorted(songs.glob("*")):
        if path.suffix in AUDIO_SUFFIXES and path.stem in tunes:
            row = tunes[path.stem]
            temperature, tune = float(row["temperature"]), int(row["index"])
            tracker.log_audio(path, {"prompt": row["prompt"], "temperature": temperature, "tune": tune})
    for path in sorted([*(directory / "plots").glob("*.png"), *songs.glob("*.svg"), *songs.glob("*.png")]):
        tracker.log_image(path)
    for path in (directory / name for name in ("tunes.abc", "kept.abc", "tunes.csv")):
        if path.is_file():
            tracker.log_file(path)


def write_again(record: RunRecord, directory: Path) -> Mapping[str, object]:
    """Write Comet's archive of a run that has ended, from its directory; returns what Comet said.

    Only its times differ from an archive written during the run. Raises InputError.
    """
    config = config_from_dict(record.config)
    words = [word for word in shlex.split(record.command)[3:] if not word.startswith("--")]
    comet_alone = replace(config, tracker=replace(config.tracker, log_to={COMET: True}))
    tracker = open_trackers(comet_alone, directory, str(record.corpus.get("name")), words)
    tracker.log_parameters(config.as_dict())
    history = directory / "history.csv"
    for row in read_rows(history) if history.is_file() else []:
        track_row(tracker, {name: float(row[name]) if row[name] else None for name in COLUMNS})
    track_results(tracker, record, directory)
    return tracker.end()[COMET]
