"""A run as an experiment of a tracker: what is logged during the run, and which of its files."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from musicgen.config import Config, config_from_dict
from musicgen.records.naming import run_name, study_tags
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun, read_rows
from musicgen.tracking.archive import experiment_key
from musicgen.tracking.config import COMET
from musicgen.tracking.history import COLUMNS
from musicgen.tracking.outbox import FOLDER
from musicgen.tracking.tracker import TrackedRun, Tracker, Trackers
from musicgen.tracking.trackers import comet_alone, openers

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")


def open_trackers(config: Config, directory: Path, corpus: str, overrides: Sequence[str]) -> Trackers:
    """The trackers of a run in a directory; overrides: those that made its config."""
    # A trial that a search stops early is not a whole run.
    if config.training.stop_iteration is not None:
        return Trackers({})
    return Trackers(openers(config.tracker, _described(config, directory, corpus, overrides)))


def described(record: RunRecord, directory: Path) -> TrackedRun:
    """What trackers are told about the run of a record. Raises InputError."""
    words = [word for word in shlex.split(record.command)[3:] if not word.startswith("--")]
    return _described(config_from_dict(record.config), directory, str(record.corpus.get("name")), words)


def _described(config: Config, directory: Path, corpus: str, overrides: Sequence[str]) -> TrackedRun:
    tags = (corpus, config.model.cell, f"seed={config.seed}", *study_tags(config))
    return TrackedRun(directory, run_name(config, overrides), tags, config.as_dict())


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

    Its experiment is the one that the run began, if there is one.

    Only its times differ from an archive written during the run. Raises InputError.
    """
    config = config_from_dict(record.config)
    run, archive = described(record, directory), (record.comet or {}).get("archive")
    key = None if archive is None else experiment_key(Path(str(archive)))
    tracker = comet_alone(config.tracker, directory / FOLDER, run.name, run.tags, key=key)
    tracker.log_parameters(config.as_dict())
    history = directory / "history.csv"
    for row in read_rows(history) if history.is_file() else []:
        track_row(tracker, {name: float(row[name]) if row[name] else None for name in COLUMNS})
    track_results(tracker, record, directory)
    return tracker.end()[COMET]
