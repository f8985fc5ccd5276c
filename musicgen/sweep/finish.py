"""The end of a sweep: its tables and figures, what is printed, its experiment on Comet, and the upload."""

from collections.abc import Sequence
from pathlib import Path

from musicgen.config import Change, Config, Stages, config_from_dict
from musicgen.effects.printing import print_confirmation, print_screening, print_summary
from musicgen.effects.screening import largest, screen
from musicgen.effects.summary import Summary, summarise
from musicgen.records.destination import CONFIRMATION
from musicgen.records.naming import level_of, study_tags
from musicgen.records.record import RunRecord
from musicgen.records.runs import PLAN, FoundRun, by_stage, find_runs, read_rows, records_below
from musicgen.run.uploads import upload_in_background
from musicgen.system.commands import complain
from musicgen.system.words import listed
from musicgen.tracking.config import tracker_config
from musicgen.tracking.trackers import comet_alone


def choose_changes(directory: Path, stages: Stages) -> tuple[list[Change], int]:
    """The changes selected for the second stage, and the first seed that none of the runs here has used.

    If there are any, prints the first stage and the choice.
    """
    screening, _ = by_stage(find_runs([directory]))
    summary = summarise(screening, directory, draws=False)
    chosen = _choice(summary, directory, stages)
    if chosen:
        print_screening(summary, _config(screening).study.primary_metrics, chosen)
        names = listed([f"{change.parameter}={change.value}" for change in chosen])
        print(f"selected for stage two, the largest changes of different parameters: {names}")
    return chosen, 1 + max(run.record.seed for run in screening)


def _choice(summary: Summary, directory: Path, stages: Stages) -> list[Change]:
    plan = directory / CONFIRMATION / PLAN
    rows = read_rows(plan) if plan.is_file() else []
    before = {(row["parameter"], level_of(row["value"])) for row in rows}
    return largest(screen(summary.paired, summary.effects), stages.confirm, before)


def finish_sweep(directory: Path) -> int:
    """Summarise the runs in the directory; returns 1 if one of them did not complete, else 0.

    Once the second stage of a study has begun, its first has been printed by `choose_changes`.
    """
    screening, others = by_stage(find_runs([directory]))
    if not screening:
        summary = _summarise(others, directory)
        print_summary(summary, _config(others).study.primary_metrics)
        return _status(summary)
    first, study = _summarise(screening, directory), _config(screening).study
    assert study.stages is not None
    if not others:
        print_screening(first, study.primary_metrics, [])
        if _choice(first, directory, study.stages):
            print("the second stage has not run yet; the same command runs it")
        else:
            print("no second stage: no change differs from the baseline in a primary metric")
        return _status(first)
    second = _summarise(others, directory / CONFIRMATION)
    print_confirmation(second, study.primary_metrics)
    return max(_status(first), _status(second))


def upload_sweep(directory: Path) -> None:
    """Upload all runs of a sweep and its own experiment in the background; no job has waited for that."""
    first = next(records_below(directory), None)
    if first is not None:
        record = RunRecord.read(first.parent)
        upload_in_background(directory, tracker_config(record.config), locks=record.has_locks)


def _config(runs: Sequence[FoundRun]) -> Config:
    return config_from_dict(runs[0].record.config)


def _summarise(runs: Sequence[FoundRun], directory: Path) -> Summary:
    """Write the tables and figures of one stage, and track them."""
    config = _config(runs)
    summary = summarise(runs, directory, draws=config.rendering.plots)
    if config.tracker.uses_comet and len(summary.effects):
        _track(summary, config, directory)
    return summary


def _status(summary: Summary) -> int:
    if not summary.failures:
        return 0
    return complain(f"{summary.failure_count}; the first: {summary.failures[0]}")


def _track(summary: Summary, config: Config, directory: Path) -> None:
    """Log tables, figures and verdicts as a separate experiment."""
    name = config.study.name or directory.name
    stage = ", first stage" if config.study.stages else ""
    tracker = comet_alone(
        config.tracker, directory / "comet", f"study {name}{stage}", ["study", *study_tags(config)]
    )
    tracker.log_parameters({"study": config.as_dict()["study"]})
    for table in ("plan.csv", "runs.csv", "effects.csv", "noise.csv"):
        if (directory / table).exists():
            tracker.log_file(directory / table)
    for plot in summary.plots:
        if plot.suffix == ".png":
            tracker.log_image(plot)
    tracker.end()
