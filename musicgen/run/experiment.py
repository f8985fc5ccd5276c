"""A run as an experiment of a tracker: what is logged during the run, and which of its files."""

import logging
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from musicgen.config import Config, config_from_dict
from musicgen.errors import one_line
from musicgen.records.destination import CONFIRMATION, is_of_sweep
from musicgen.records.naming import (
    arm_of,
    level_of,
    run_name,
    shown_level,
    study_tags,
    trial_of,
    unique_names,
)
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import Song
from musicgen.run.resample import state_file
from musicgen.system.files import refuse_link
from musicgen.system.locks import locked
from musicgen.tracking.archive import experiment_key
from musicgen.tracking.comet_settings import archive_folder, is_own_folder
from musicgen.tracking.config import COMET, tracker_config
from musicgen.tracking.tracker import TrackedRun, Tracker, Trackers
from musicgen.tracking.trackers import comet_alone, openers

log = logging.getLogger(__name__)

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")
CURVES = ("train_loss", "validation_loss", "learning_rate", "tokens_per_second")
"""Columns of history.csv that are logged at each iteration, as fit/NAME."""
RESULT_NAMES = {"fit/validation_loss": "fit/best_validation_loss", "fit/train_loss": "fit/train_split_loss"}
"""Metric of the run -> its name in trackers, where a curve already has its own."""
REAL, FLOOR = "real tunes", "5-gram"
"""In brackets after a metric: its value in held-out tunes, and in tunes of the 5-gram model."""
MAX_FACT = 1000
"""Characters of a fact that Comet keeps."""


def open_trackers(config: Config, directory: Path, corpus: str, overrides: Sequence[str]) -> Trackers:
    """The trackers of a run in a directory; overrides: those that made its config."""
    # A trial that a search stops on a rung may continue. It becomes an experiment when the search has ended.
    if config.training.stop_iteration is not None:
        return Trackers({})
    return Trackers(openers(config.tracker, _described(config, directory, corpus, overrides)))


def described(record: RunRecord, directory: Path) -> TrackedRun:
    """What trackers are told about the run of a record. Raises InputError."""
    words = [word for word in shlex.split(record.command)[3:] if not word.startswith("--")]
    return _described(config_from_dict(record.config), directory, str(record.corpus.get("name")), words)


def _described(config: Config, directory: Path, corpus: str, overrides: Sequence[str]) -> TrackedRun:
    tags = (corpus, config.model.cell, f"seed={config.seed}", *study_tags(config, directory))
    name = run_name(config, overrides, directory)
    return TrackedRun(directory, name, tags, config.as_dict(), is_of_sweep=is_of_sweep(directory))


def track_row(tracker: Tracker, row: Mapping[str, float | None]) -> None:
    """Log a row of history.csv."""
    iteration = row["iteration"]
    assert iteration is not None
    tracker.log_metrics({f"fit/{name}": row[name] for name in CURVES}, iteration=int(iteration))


def track_status(tracker: Tracker, record: RunRecord, directory: Path) -> None:
    """Log what identifies the run, its status, and a tag if it did not complete."""
    tracker.log_facts(facts_of(record, directory))
    if record.status not in ("running", "complete"):
        tracker.log_tags([record.status])


def facts_of(record: RunRecord, directory: Path) -> dict[str, object]:
    """What a record says about a run besides parameters and metrics, without what is unknown."""
    run, change, corpus = FoundRun(directory, record), record.change, record.corpus
    study = run.setting("study.name")
    num_draws, num_kept = record.num_draws, record.num_kept
    if num_draws is None and record.status == "complete":
        num_draws = num_kept = run.setting("sampling.num_tunes")
    facts = {
        "status": record.status,
        "error": None if record.error is None else one_line(record.error)[:MAX_FACT],
        "study": study,
        "stage": stage_of(directory, is_screening=run.is_screening),
        "arm": arm_of(study, change, record.retuned, directory),
        "parameter": change and change.parameter,
        "value": change and level_of(change.value),
        "baseline_value": change and level_of(change.baseline_value),
        "trial": trial_of(directory),
        "run_id": record.run_id,
        "training_id": record.training_id,
        "corpus": corpus.get("name"),
        "corpus_sha256": corpus.get("sha256"),
        "commit": record.versions.get("commit"),
        "tunes_drawn": num_draws,
        "tunes_kept": num_kept,
        "warnings": "; ".join(map(one_line, record.warnings))[:MAX_FACT] or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def stage_of(directory: Path, *, is_screening: bool) -> str | None:
    """Of a study in two stages, or of a search that is confirmed; directory: of the run."""
    if is_screening:
        return "first stage"
    return CONFIRMATION if directory.parent.parent.name == CONFIRMATION else None


def track_measures(tracker: Tracker, record: RunRecord) -> None:
    """Log what the run measured."""
    tracker.log_metrics(dict(_results(record)))
    tracker.log_metrics({f"timing/{name}": value for name, value in record.timing.items()})


def track_results(tracker: Tracker, record: RunRecord, directory: Path) -> None:
    """Log what the run measured, sampled and rendered, as far as the directory holds it."""
    track_measures(tracker, record)
    run, folder = FoundRun(directory, record), directory / "tunes"
    tunes = {f"{int(row['index']):03d}": row for row in run.tune_rows()}
    for path in sorted(folder.glob("*")):
        if path.suffix in AUDIO_SUFFIXES and path.stem in tunes:
            tracker.log_audio(path, _about(Song(run, int(path.stem), "", tunes[path.stem])))
    for path in sorted([*(directory / "plots").glob("*.png"), *folder.glob("*.svg"), *folder.glob("*.png")]):
        tracker.log_image(path)
    for path in (directory / name for name in ("tunes.abc", "kept.abc")):
        if path.is_file():
            tracker.log_file(path)
    if tunes:
        tracker.log_table(directory / "tunes.csv")
    if tracker_config(record.config).log_model and record.weights is not None:
        # A record may come from somebody else, so this checks that the file is a state of its training.
        tracker.log_model(state_file(run))


def _results(record: RunRecord) -> Iterator[tuple[str, float | None]]:
    """The metrics of a run by the names that trackers show, each next to its reference and floor."""
    for metric, value in record.metrics.items():
        yield RESULT_NAMES.get(metric, metric), value
        if metric in record.reference:
            yield f"{metric} ({REAL})", record.reference[metric]["mean"]
        if metric in record.floor:
            yield f"{metric} ({FLOOR})", record.floor[metric]
    for kind, groups in record.metrics_by.items():
        for group, metrics in zip(unique_names([*map(shown_level, groups)]), groups.values(), strict=True):
            for metric, value in metrics.items():
                yield f"{metric} ({kind} {group})", value


def _about(song: Song) -> dict[str, object]:
    """A sound's metadata, named like the columns of tunes.csv; without what is not known."""
    about = {
        "tune": song.index,
        "title": song.title,
        "prompt": song.prompt,
        "temperature": song.number("temperature"),
        "kept": song.is_kept,
        "what_is_wrong": song.cells.get("what_is_wrong"),
        "nearest_tune": song.cells.get("nearest_tune"),
        **{name: song.number(name) for name in ("nearest_notes", "longest_copy", "longest_transposed_copy")},
        **{name: song.says(name) for name in ("is_sound", "has_copy") if song.cells.get(name)},
    }
    return {name: value for name, value in about.items() if value not in (None, "")}


def track_stopped(directory: Path) -> None:
    """Make an experiment of a trial that its search has stopped for good, unless it is one already.

    Raises InputError if its record cannot be read.
    """
    record = RunRecord.read(directory)
    if record.status == "pruned" and tracker_config(record.config).uses_comet:
        # Other processes of the search may have the same idea.
        write_archive(directory, lambda now: now.comet is None, locks=record.has_locks)


def write_archive(
    directory: Path,
    is_missing: Callable[[RunRecord], bool],
    on_wait: Callable[[str], None] = log.warning,
    *,
    locks: bool,
) -> RunRecord:
    """Write Comet's archive of a run that has ended, if it is still missing once the folder can be locked.

    Returns the new record. Raises InputError.
    """
    folder = archive_folder(directory)
    refuse_link(folder)
    folder.mkdir(parents=is_own_folder(folder), exist_ok=True)
    with locked(folder / ".lock", on_wait, locks=locks):
        record = RunRecord.read(directory)
        if is_missing(record):
            record.set_comet(write_again(record, directory))
            record.write(directory)
    return record


def write_again(record: RunRecord, directory: Path) -> Mapping[str, object]:
    """Write Comet's archive of a run that has ended, from its directory; returns what Comet said.

    Its experiment is the one that the run began, if there is one.

    Only its times differ from an archive written during the run. Raises InputError.
    """
    config = config_from_dict(record.config)
    run, archive = described(record, directory), (record.comet or {}).get("archive")
    key = None if archive is None else experiment_key(Path(str(archive)))
    tracker = comet_alone(
        config.tracker, archive_folder(directory), run.name, run.tags, key=key, is_of_sweep=run.is_of_sweep
    )
    tracker.log_parameters(config.as_dict())
    for row in FoundRun(directory, record).history_rows() or []:
        track_row(tracker, row)
    track_results(tracker, record, directory)
    track_status(tracker, record, directory)
    return tracker.end()[COMET]
