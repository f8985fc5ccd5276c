"""The end of a sweep: its tables and figures, what is printed, its experiment on Comet, and the upload."""

from pathlib import Path

from musicgen.config import Config, config_from_dict
from musicgen.effects.printing import print_summary
from musicgen.effects.summary import Summary, summarise
from musicgen.records.naming import study_tags
from musicgen.records.record import RunRecord
from musicgen.records.runs import find_runs, records_below
from musicgen.run.uploads import upload_in_background
from musicgen.system.commands import complain
from musicgen.tracking.comet import CometTracker
from musicgen.tracking.config import tracker_config


def finish_sweep(directory: Path) -> int:
    """Summarise the runs in the directory; returns 1 if one of them did not complete, else 0."""
    runs = find_runs([directory])
    config = config_from_dict(runs[0].record.config)
    summary = summarise(runs, directory, draws=config.rendering.plots)
    print_summary(summary, config.study.primary_metrics)
    if config.tracker.kind == "comet" and len(summary.effects):
        _track(summary, config, directory)
    if not summary.failures:
        return 0
    return complain(f"{summary.failure_count}; the first: {summary.failures[0]}")


def upload_sweep(directory: Path) -> None:
    """Upload all runs of a sweep and its own experiment in the background; no job has waited for that."""
    first = next(records_below(directory), None)
    if first is not None:
        record = RunRecord.read(first.parent)
        upload_in_background(directory, tracker_config(record.config), locks=record.has_locks)


def _track(summary: Summary, config: Config, directory: Path) -> None:
    """Log tables, figures and verdicts as a separate experiment."""
    name = config.study.name or directory.name
    tracker = CometTracker(
        config.tracker, directory / "comet", f"study {name}", ["study", *study_tags(config)]
    )
    tracker.log_parameters({"study": config.as_dict()["study"]})
    for table in ("plan.csv", "runs.csv", "effects.csv", "noise.csv"):
        if (directory / table).exists():
            tracker.log_file(directory / table)
    for plot in summary.plots:
        if plot.suffix == ".png":
            tracker.log_image(plot)
    tracker.end()
