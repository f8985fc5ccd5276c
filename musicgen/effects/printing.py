"""Print a summary to the terminal."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from musicgen.config import Change
from musicgen.effects.answers import MetricAnswers, answers_on
from musicgen.effects.differences import COMBINED
from musicgen.effects.effect import Grade
from musicgen.effects.grid import Grid, grid_of
from musicgen.effects.pairing import PairedRuns
from musicgen.effects.screening import MEANING, screen, screening_table
from musicgen.effects.summary import Summary
from musicgen.effects.trades import trade_sentences
from musicgen.metrics.registry import HEADLINE
from musicgen.records.runs import path_name
from musicgen.system.terminal import new_table, plain, wide_console
from musicgen.system.words import counted, listed

if TYPE_CHECKING:
    from pandas import DataFrame

FULL_WIDTH = 150
"""Characters in a full row."""
MAX_LEFT_OUT = 5
"""Runs left out that are named."""


def print_summary(
    summary: Summary, metrics: Sequence[str] = HEADLINE, console: Console | None = None
) -> None:
    """Print the failures, the runs, the effects on these metrics, what each change trades, and remarks.

    metrics: those that no run has are skipped. Without a terminal, rows are not wrapped.
    """
    console = console or wide_console(FULL_WIDTH)
    _print_failures(summary, console)
    grid = grid_of(summary.paired)
    if grid is None:
        console.print(runs_overview(summary.runs.head(len(summary.paired.runs)), metrics))
    else:
        _print_grid(console, grid, summary.paired, metrics)
    for found in answers_on(summary.effects, metrics):
        console.print()
        if all(answer.effect.grade is Grade.IDENTICAL for answer in found.answers):
            # The sentence says it all.
            console.print(plain(found.metric), style="bold")
        else:
            console.print(effects_overview(found))
        console.print(plain(found.sentence), soft_wrap=not console.is_terminal)
    trades = trade_sentences(summary.trades)
    if trades:
        console.print()
        console.print(Text("what gets better and what worse", style="bold"))
    for line in (*trades, *_remarks(summary, is_grid=grid is not None)):
        console.print(plain(line), soft_wrap=not console.is_terminal)


def print_screening(
    summary: Summary, metrics: Sequence[str], chosen: Collection[Change], console: Console | None = None
) -> None:
    """Print the first stage of a study in two: the failures, and every change, the largest first.

    metrics: whose differences are shown; chosen: the changes selected for stage two.
    """
    console, screened = console or wide_console(FULL_WIDTH), screen(summary.paired, summary.effects)
    _print_failures(summary, console)
    changes = counted(len(screened), "change")
    _print_line(console, f"\nstage one: {changes} with seeds {_seeds(summary)}, the largest first")
    _print_line(console, MEANING)
    console.print(screening_table(screened, metrics, chosen))
    for line in (*summary.changed_corpora, *summary.paired.doubts):
        console.print(plain(line))


def print_confirmation(summary: Summary, metrics: Sequence[str], console: Console | None = None) -> None:
    """Print the second stage of a study in two, with its verdicts."""
    console = console or wide_console(FULL_WIDTH)
    _print_line(
        console,
        f"\nstage two: {counted(len(summary.paired.arms), 'change')} and the baseline with fresh seeds "
        f"{_seeds(summary)}; the verdicts rest on these runs alone",
    )
    print_summary(summary, metrics, console)


def _seeds(summary: Summary) -> str:
    return listed([str(seed) for seed in sorted({run.record.seed for run in summary.paired.runs})])


def _print_line(console: Console, line: str) -> None:
    console.print(Text(line), soft_wrap=True)


def _print_failures(summary: Summary, console: Console) -> None:
    if summary.failures:
        console.print(Text(f"{summary.failure_count}:", style="bold"))
        for line in summary.failures:
            console.print(plain(f"  {line}"))


def _print_grid(console: Console, grid: Grid, paired: PairedRuns, metrics: Sequence[str]) -> None:
    """Print every configuration, the best one, and what the effects below are compared with."""
    measured = {name for run in (*paired.runs, *paired.left_out) for name in run.record.metrics}
    shown = [name for name in metrics if name in measured] or list(metrics)
    console.print(grid.table(shown))
    chosen = {run.directory for run in paired.baseline.runs}
    base = next((cell for cell in grid.cells if chosen & {run.directory for run in cell.runs}), None)
    lines = grid.lines(shown[0])
    if base is not None and paired.arms:
        lines.append(f"the effects below are single changes from {grid.name(base)}")
    for line in lines:
        console.print(plain(line))


def runs_overview(runs: "DataFrame", metrics: Sequence[str]) -> Table:
    """A row for each run: its change, its status, and the first four of the metrics."""
    table = new_table("runs")
    shown = [name for name in metrics if name in runs.columns][:4]
    for heading in ("parameter", "value", "seed", "status", "trained", "seconds"):
        is_number = heading in {"trained", "seconds"}
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
    for name in shown:
        table.add_column(plain(name.rpartition("/")[2]), justify="right")
    for row in runs.to_dict("records"):
        parameter = row["parameter"] if _is_given(row["parameter"]) else "baseline"
        if _is_given(row["retuned"]):
            parameter = f"{parameter}, re-tuned {row['retuned']}"
        table.add_row(
            plain(parameter),
            plain(row["value"] if _is_given(row["value"]) else ""),
            str(row["seed"]),
            str(row["status"]),
            *(
                f"{row[name]:.0f}" if _is_given(row[name]) else ""
                for name in ("trained_iterations", "total_seconds")
            ),
            *(f"{row[name]:.4f}" if _is_given(row[name]) else "–" for name in shown),
        )
    return table


def effects_overview(found: MetricAnswers) -> Table:
    """A row for each change of a metric, largest difference first."""
    title = f"{found.metric}{f', {found.direction}' if found.direction else ''}"
    table = new_table(plain(title))
    table.add_column("change")
    for heading in ("baseline → changed", "difference [95 %]", "seeds that agree"):
        table.add_column(heading, no_wrap=True)
    table.add_column("grade")
    for answer in found.answers:
        table.add_row(
            plain(answer.change),
            Text(answer.values),
            Text(answer.difference),
            Text(answer.agreement),
            plain(answer.grade),
        )
    return table


def _remarks(summary: Summary, *, is_grid: bool) -> list[str]:
    arms = [arm.change for arm in summary.paired.arms if arm.change is not None]
    parameters = {change.parameter for change in arms}
    lines = [
        *summary.changed_corpora,
        *summary.paired.doubts,
        *summary.unsupported,
        *(f"adding up: {one.sentence}" for one in summary.additivity),
    ]
    if any(effect.grade is Grade.LIKELY for effect in summary.effects):
        lines.append(
            "“likely” claims nothing: of 20 changes without effect, one looks likely; confirm with new seeds"
        )
    lines += _left_out(summary)
    if not arms:
        lines.append("there are no effects to report: no two configurations differ in exactly one parameter")
    if len(parameters) > 1 and COMBINED not in parameters and not is_grid:
        lines.append(
            "one change at a time shows no interactions; study.combine=true also runs the winners together"
        )
    return lines


def _left_out(summary: Summary) -> list[str]:
    """Which runs no effect counts and why: a line for each of the first, then how many more."""
    paired, out = summary.paired, summary.folder
    lines = [f"left out: {path_name(run.directory, out)}: {paired.reasons[run]}" for run in paired.left_out]
    if len(lines) > MAX_LEFT_OUT:
        lines[MAX_LEFT_OUT:] = [f"left out: {len(lines) - MAX_LEFT_OUT} more, the last rows of runs.csv"]
    if lines and not paired.is_declared:
        lines.append("--baseline PARAMETER=VALUE compares with another configuration")
    return lines


def _is_given(value: object) -> bool:
    return value is not None and value == value and value != ""
