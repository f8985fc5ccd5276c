"""The end of a sweep: its tables, its figures, what is printed, and an experiment of its own on Comet."""

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
    """The status with which a sweep's command ends, after all is written and printed."""
    status = exit_status(lambda: finish_sweep(directory))
    return exit_status(lambda: _upload(directory)) or status


def finish_sweep(directory: Path) -> int:
    """Say what the runs in the directory show; returns 1 if one of them did not complete, else 0."""
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
    """Let Comet have all runs and the sweep's own experiment; no job of the sweep has waited for that."""
    first = next(records_below(directory), None)
    if first is not None:
        record = RunRecord.read(first.parent)
        upload_in_background(directory, tracker_config(record.config), locks=record.has_locks)


def _finish_search(directory: Path) -> int:
    """Say what a search found; returns 1 if it found nothing or its best could not be run again, else 0.

    Trials that failed are no failure of the search.
    """
    # Trials that could not even start leave no run.
    first = next(directory.glob(f"*/*/{FILE_NAME}"), None)
    config = None if first is None else config_from_dict(RunRecord.read(first.parent).config)
    if not summarise_search(directory, draws=config is not None and config.rendering.plots):
        return 1
    confirmation = directory / CONFIRMATION
    if not confirmation.is_dir():
        return 0
    print(f"the best and the baseline on fresh seeds, in {confirmation}:")
    return finish_sweep(confirmation)


def _track(summary: Summary, config: Config, directory: Path) -> None:
    """Put tables, figures and verdicts on one experiment, beside those of the runs."""
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
