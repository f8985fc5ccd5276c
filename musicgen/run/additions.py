"""What is added to an experiment on Comet after its archive is closed: findings, ratings, reports."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun, records_below, sweep_directory
from musicgen.run.uploads import describe_addition, upload_in_background
from musicgen.system.files import refuse_link

if TYPE_CHECKING:
    from musicgen.records.findings import Finding
    from musicgen.tracking.config import TrackerConfig
    from musicgen.tracking.tracker import Trackers

# Modules of tracking/ are imported inside functions: Comet takes a second to import.


def track_finding(record: RunRecord, directory: Path, finding: "Finding") -> str:
    """Add the finding to the run's Comet experiment, if it has one; returns a line about it, or ""."""
    archive = (record.comet or {}).get("archive")
    if not isinstance(archive, str):
        return ""
    from musicgen.tracking.archive import experiment_key
    from musicgen.tracking.config import tracker_config
    from musicgen.tracking.trackers import comet_alone

    config = tracker_config(record.config)
    refuse_link(directory / "comet")
    tracker = comet_alone(config, directory / "comet", continues=experiment_key(Path(archive)))
    tracker.log_metrics(
        {f"finding/{criterion}": float(point) for criterion, point in finding.ratings.items()}
    )
    fields = {name: value for name, value in asdict(finding).items() if name not in ("text", "ratings")}
    tracker.log_text(finding.text, fields)
    # A failure of Comet is only a warning, because the finding is in the log.
    return _send(tracker, directory, record, config)


def track_ratings(run: FoundRun, folder: Path, means: Mapping[str, float], tables: Sequence[Path]) -> str:
    """Add a listening session's means and tables to the Comet experiment of the run's sweep.

    If the sweep has no experiment, the session gets its own. Archives are written to folder/comet. Returns a
    line about it; "" if Comet is not used.
    """
    from musicgen.tracking.archive import experiment_key
    from musicgen.tracking.config import tracker_config
    from musicgen.tracking.trackers import comet_alone

    config = tracker_config(run.record.config)
    if not config.uses_comet:
        return ""
    sweep = next(iter(sorted((sweep_directory(run) / "comet").glob("*.zip"))), None)
    name = f"listening {folder.resolve().name}" if sweep is None else None
    continues = None if sweep is None else experiment_key(sweep)
    tracker = comet_alone(config, folder / "comet", name, ["listening"], continues=continues)
    tracker.log_metrics(means)
    for path in tables:
        tracker.log_file(path)
    return _send(tracker, folder, run.record, config)


def track_page(directory: Path, html: str) -> None:
    """Show a page in the experiment of a run or a sweep, if Comet has that experiment.

    Of a study in two stages this is the second one, which makes the claims.
    """
    from musicgen.records.destination import CONFIRMATION
    from musicgen.tracking.archive import experiment_key, is_addition
    from musicgen.tracking.comet_settings import FOLDER
    from musicgen.tracking.config import tracker_config
    from musicgen.tracking.outbox import is_sent
    from musicgen.tracking.trackers import comet_alone

    folder = next(filter(Path.is_dir, (directory / CONFIRMATION / FOLDER, directory / FOLDER)), None)
    first = next(records_below(directory), None)
    if folder is None or first is None:
        return
    record = RunRecord.read(first.parent)
    config = tracker_config(record.config)
    archives = [path for path in folder.glob("*.zip") if not is_addition(path) and is_sent(path)]
    if not archives or not config.uses_comet:
        return
    refuse_link(folder)
    # The last one, if the same sweep was finished several times.
    newest = max(archives, key=lambda path: path.stat().st_mtime)
    tracker = comet_alone(config, folder, continues=experiment_key(newest))
    tracker.log_page(html)
    _send(tracker, folder.parent, record, config)


def _send(tracker: "Trackers", directory: Path, record: RunRecord, config: "TrackerConfig") -> str:
    """Close the addition in this directory and have it sent; returns a line about it."""
    tracker.end()
    upload_in_background(directory, config, locks=record.has_locks)
    return describe_addition(record, directory)
