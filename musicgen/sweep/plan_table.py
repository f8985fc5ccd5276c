"""A plan as a person reads it before it runs."""

from collections.abc import Sequence

from rich.table import Table

from musicgen.config import StudyConfig
from musicgen.metrics.table import print_table
from musicgen.sweep.plan import BASELINE, PlannedRun
from musicgen.training.threads import num_cores


def print_plan(runs: Sequence[PlannedRun], study: StudyConfig) -> None:
    """The question, a row for each arm, and what it all takes."""
    if study.question:
        print(study.question)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("arm")
    for heading in ("runs", "to train", "reused", "expected"):
        table.add_column(heading, justify="right", no_wrap=True)
    for arm in sorted({run.arm: None for run in runs}, key=lambda arm: arm != BASELINE):
        own = [run for run in runs if run.arm == arm]
        table.add_row(
            arm,
            str(len(own)),
            f"{sum(run.new_iterations for run in own):,}",
            f"{sum(run.stored_iterations for run in own):,}",
            describe_seconds(_expected(own)),
        )
    print_table(table)
    print(summarise_plan(runs))


def summarise_plan(runs: Sequence[PlannedRun]) -> str:
    """Runs, iterations and time in one line."""
    seconds = _expected(runs)
    time = "time unknown until a run like these has been timed here"
    if seconds is not None:
        time = f"about {describe_seconds(seconds)}"
    return (
        f"{len(runs)} runs: {sum(run.new_iterations for run in runs):,} iterations to train, "
        f"{sum(run.stored_iterations for run in runs):,} reused; {time}"
    )


def describe_seconds(seconds: float | None) -> str:
    """Seconds as a person says them."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _expected(runs: Sequence[PlannedRun]) -> float | None:
    """Seconds until these runs are done, with every core at work; None where one of them is unknown."""
    shares = []
    for run in runs:
        threads = run.config.training.num_threads
        if run.expected_seconds is None or threads is None:
            return None
        shares.append(run.expected_seconds * min(threads / num_cores(), 1.0))
    return sum(shares)
