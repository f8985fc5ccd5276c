"""The end of a sweep: its tables, figures and printed summary, and its experiment on Comet."""

from pathlib import Path

from musicgen.config import Config, config_from_dict
from musicgen.effects.printing import print_summary
from musicgen.effects.summary import Summary, summarise
from musicgen.records.naming import study_tags
from musicgen.records.record import FILE_NAME, RunRecord
from musicgen.records.runs import find_runs, records_below
from musicgen.run.uploads import upload_in_background
from musicgen.search.summary import summarise_search
from musicgen.search.trials import CONFIRMATION, is_search
from musicgen.system.commands import complain, exit_status
from musicgen.tracking.comet import CometTracker
from musicgen.tracking.config import tracker_config


def end_sweep(directory: Path) -> int:
    """Finish a sweep and upload it; returns the exit status of its command."""
    status = exit_status(lambda: finish_sweep(directory))
    return exit_status(lambda: _upload(directory)) or status


def finish_sweep(directory: Path) -> int:
    """Write and print the results of the runs in the directory; returns 1 if a run did not complete."""
    if is_search(directory):
        return _finish_search(directory)
    runs = find_runs([directory])
    config = config_from_dict(runs[0].record.config)
    summary = summarise(runs, directory, draws=config.rendering.plots)
    print_summary(summary, config.study.primary_metrics)
    if config.tracker.kind == "comet" and len(summary.effects):
        _track(summary, config, directory)
    if not summary.failures:
        return 0
    return complain(f"{summary.failure_count}; the first: {summary.failures[0]}")


def _upload(directory: Path) -> None:
    """Upload all runs and the sweep's own experiment in the background."""
    first = next(records_below(directory), None)
    if first is not None:
        record = RunRecord.read(first.parent)
        upload_in_background(directory, tracker_config(record.config), locks=record.has_locks)


def _finish_search(directory: Path) -> int:
    """Print the result of a search; returns 1 if no trial completed or the confirmation failed.

    Failed trials do not make the search fail.
    """
    # A trial that could not start leaves no run.
    first = next(directory.glob(f"*/*/{FILE_NAME}"), None)
    config = None if first is None else config_from_dict(RunRecord.read(first.parent).config)
    if not summarise_search(directory, draws=config is not None and config.rendering.plots):
        return 1
    confirmation = directory / CONFIRMATION
    if not confirmation.is_dir():
        return 0
    print(f"the best config and the baseline on fresh seeds, in {confirmation}:")
    return finish_sweep(confirmation)


def _track(summary: Summary, config: Config, directory: Path) -> None:
    """Log tables and figures to an experiment of the sweep itself."""
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
