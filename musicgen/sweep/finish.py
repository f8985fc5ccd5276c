"""The end of a sweep: its tables and figures, what is printed, its experiment on Comet, and the upload."""

from collections.abc import Sequence
from pathlib import Path

from musicgen.config import Change, Config, Stages, StudyConfig, config_from_dict
from musicgen.effects.answers import answers_on
from musicgen.effects.page import page_console, summary_page
from musicgen.effects.printing import print_confirmation, print_screening, print_summary
from musicgen.effects.screening import screen, select
from musicgen.effects.summary import Summary, summarise
from musicgen.errors import one_line
from musicgen.metrics.registry import summary_metrics
from musicgen.records.destination import CONFIRMATION
from musicgen.records.naming import MAX_NAME_CHARACTERS, level_of, shortened
from musicgen.records.record import RunRecord
from musicgen.records.runs import (
    EFFECTS,
    NOISE,
    PLAN,
    RUNS,
    FoundRun,
    by_stage,
    find_runs,
    read_rows,
    records_below,
)
from musicgen.run.experiment import MAX_FACT, stage_of
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
        print_screening(summary, _shown(_config(screening).study), chosen)
        names = listed([f"{change.parameter}={change.value}" for change in chosen])
        print(f"selected for the second stage: {names}")
    return chosen, 1 + max(run.record.seed for run in screening)


def _choice(summary: Summary, directory: Path, stages: Stages) -> list[Change]:
    plan = directory / CONFIRMATION / PLAN
    rows = read_rows(plan) if plan.is_file() else []
    before = {(row["parameter"], level_of(row["value"])) for row in rows}
    return select(screen(summary.paired, summary.effects), stages.confirm, before)


def finish_sweep(directory: Path) -> int:
    """Summarise the runs in the directory; returns 1 if one of them did not complete, else 0.

    Once the second stage of a study has begun, its first has been printed by `choose_changes`.
    """
    screening, others = by_stage(find_runs([directory]))
    if not screening:
        summary = _summarise(others, directory)
        print_summary(summary, _shown(_config(others).study))
        return _status(summary)
    first, study = _summarise(screening, directory), _config(screening).study
    assert study.stages is not None
    if not others:
        print_screening(first, _shown(study), [])
        if _choice(first, directory, study.stages):
            print("the second stage has not run yet; the same command runs it")
        else:
            print("no second stage: no change differs from the baseline in a primary metric")
        return _status(first)
    second = _summarise(others, directory / CONFIRMATION)
    print_confirmation(second, _shown(study))
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
    study = config.study
    stage = stage_of(directory / "arm" / "run", is_screening=study.stages is not None)
    sweep = study.name or (directory.parent if stage == CONFIRMATION else directory).name
    title = f"study {shortened(sweep, MAX_NAME_CHARACTERS)}{f', {stage}' if stage else ''}"
    tags = ["study", *([f"study={study.name}"] if study.name else [])]
    tracker = comet_alone(config.tracker, directory / "comet", title, tags)
    tracker.log_parameters({"study": config.as_dict()["study"]})
    tracker.log_facts({"stage": stage, **_facts_of(summary, config)})
    for table in (PLAN, RUNS, EFFECTS, NOISE):
        if (directory / table).exists():
            tracker.log_table(directory / table)
    for plot in summary.plots:
        if plot.suffix == ".png":
            tracker.log_image(plot)
    printed = page_console()
    if study.stages:
        print_screening(summary, _shown(study), _choice(summary, directory, study.stages), printed)
    elif stage == CONFIRMATION:
        print_confirmation(summary, _shown(study), printed)
    else:
        print_summary(summary, _shown(study), printed)
    tracker.log_page(summary_page(title, study.question, printed, summary.plots))
    tracker.end()


def _shown(study: StudyConfig) -> list[str]:
    """The metrics that a sweep prints: the primary ones, and those of other packages."""
    return summary_metrics(study.primary_metrics)


def _facts_of(summary: Summary, config: Config) -> dict[str, object]:
    """What a list of studies shows: how much was run, what failed, and a sentence on each primary metric."""
    runs = summary.paired.runs
    facts = {
        "status": "incomplete" if summary.failures else "complete",
        "error": f"{summary.failure_count}; the first: {summary.failures[0]}" if summary.failures else None,
        "study": config.study.name,
        "question": config.study.question,
        "runs": len(runs) + len(summary.missing),
        "changes": len(summary.paired.arms),
        "seeds": len({run.record.seed for run in runs}),
    }
    # A first stage chooses changes and makes no claims.
    answers = [] if config.study.stages else answers_on(summary.effects, config.study.primary_metrics)
    verdicts = {f"verdict: {found.metric}": found.sentence for found in answers}
    return {
        name: shortened(one_line(fact), MAX_FACT) if isinstance(fact, str) else fact
        for name, fact in {**facts, **verdicts}.items()
    }
