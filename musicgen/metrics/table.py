"""Metrics beside their reference and floor as a table for the terminal; their meanings as one for a page."""

import sys
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from musicgen.errors import one_line
from musicgen.metrics.reference import verdict
from musicgen.metrics.registry import ARROWS, HEADLINE, METRICS

Values = Mapping[str, float | None]

FULL_WIDTH = 125
"""Characters that a whole row needs."""
_MAX_LABEL_CHARACTERS = 28


def plain(value: object) -> Text:
    """A value as it is written: it may come from somebody else, and a terminal obeys some signs."""
    return Text(one_line(str(value)))


def print_table(table: Table) -> None:
    """Print to the terminal's width, and whole rows where there is no terminal."""
    (Console() if sys.stdout.isatty() else Console(width=FULL_WIDTH)).print(table)


def metrics_table(
    names: Iterable[str],
    metrics: Values,
    reference: Mapping[str, Mapping[str, float]],
    floor: Values,
    reasons: Mapping[str, str],
) -> Table:
    """A row for each of these metrics; one without a value says why.

    reference: metric -> mean and sd of held-out corpus tunes; floor: metric -> value of 5-gram tunes.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, justify in (
        ("metric", "left"),
        ("value", "right"),
        ("corpus ± SD", "right"),
        ("floor", "right"),
    ):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("verdict")
    for name in names:
        value, beside = metrics.get(name), reference.get(name)
        words = "" if value is None or beside is None else verdict(value, beside["mean"], beside["sd"])
        table.add_row(
            name,
            _number(value),
            "" if beside is None else f"{_number(beside['mean'])} ± {_number(beside['sd'])}",
            _number(floor.get(name), missing=""),
            words if value is not None else reasons.get(name, ""),
        )
    return table


def headline_table(
    metrics: Values, reference: Mapping[str, Mapping[str, float]], floor: Values, reasons: Mapping[str, str]
) -> Table:
    """The headline metrics, with the test loss and the parse rate."""
    names = ["fit/validation_loss", "fit/test_loss", "validity/parse_rate", *HEADLINE]
    return metrics_table(dict.fromkeys(names), metrics, reference, floor, reasons)


def group_table(
    by: Mapping[str, Values], name: str, reference: Mapping[str, Mapping[str, float]]
) -> Table:
    """A row of headline metrics for each group of tunes, the corpus in the last row.

    by: the group's key as text, such as a temperature or a prompt -> metrics; name: what the keys are.
    Metrics without a value in any group have no column.
    """
    metrics = [metric for metric in HEADLINE if any(group.get(metric) is not None for group in by.values())]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(name, no_wrap=True)
    for metric in metrics:
        words = metric.partition("/")[2].replace("_", "\n")
        table.add_column(words, justify="right", vertical="bottom")
    for key, group in by.items():
        # As Text, since a prompt may hold what rich reads as markup.
        table.add_row(Text(shortened(key)), *(_number(group.get(metric)) for metric in metrics))
    beside = [reference.get(metric) for metric in metrics]
    table.add_row("corpus", *("" if one is None else _number(one["mean"]) for one in beside), style="dim")
    table.add_row("± SD", *("" if one is None else _number(one["sd"]) for one in beside), style="dim")
    return table


def shortened(label: str) -> str:
    """A prompt as one short line: ↵ for each new line, and an ellipsis where its middle is left out."""
    line = "".join("↵" if c == "\n" else c if c.isprintable() else "·" for c in label)
    if len(line) <= _MAX_LABEL_CHARACTERS:
        return line
    # Prompts often differ in their last fields.
    return f"{line[: _MAX_LABEL_CHARACTERS // 3]}…{line[-(_MAX_LABEL_CHARACTERS - _MAX_LABEL_CHARACTERS // 3 - 1) :]}"


def registry_as_markdown() -> str:
    """Name, direction and meaning of every metric, a line each, the headline ones bold."""
    lines = ["| metric | better | meaning |", "|---|---|---|"]
    for metric in METRICS.values():
        name = f"**{metric.name}**" if metric.name in HEADLINE else metric.name
        lines.append(f"| {name} | {ARROWS[metric.direction]} | {metric.description} |")
    return "\n".join(lines) + "\n"


def _number(value: float | None, missing: str = "–") -> str:
    return missing if value is None else f"{value:.4f}" if abs(value) < 100 else f"{value:.1f}"
