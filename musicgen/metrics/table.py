"""Tables of metrics with reference and floor for the terminal."""

from collections.abc import Iterable, Mapping
from textwrap import wrap

from rich.table import Table
from rich.text import Text

from musicgen.metrics.registry import HEADLINE, METRICS, metric_words, summary_metrics
from musicgen.metrics.standing import BETTER, LIKE_REAL, standing
from musicgen.system.terminal import new_table, plain

Values = Mapping[str, float | None]

_MAX_LABEL_CHARACTERS = 28
_MAX_MEANING_CHARACTERS = 72
_OF_REQUESTED = " / requested"
_REAL, _FLOOR = "real tunes", "5-gram"
_STYLES = {LIKE_REAL: "green", BETTER: "green"}
"""Of the words next to real tunes; others are worse."""


def metrics_table(
    names: Iterable[str],
    metrics: Values,
    reference: Mapping[str, Mapping[str, float]],
    floor: Values,
    reasons: Mapping[str, str],
) -> Table:
    """A row for each of these metrics: name and meaning, value, real tunes, and which of them is better.

    A metric without a value has the reason in its place.

    reference: metric -> mean and sd of held-out corpus tunes; floor: metric -> value of 5-gram tunes.
    """
    table = new_table()
    table.add_column("metric: meaning (rates: of the tunes requested)")
    for heading in ("value", f"{_REAL} ± SD", _FLOOR):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(f"next to {_REAL}")
    for name in names:
        value, corpus = metrics.get(name), reference.get(name)
        words = "" if value is None or corpus is None else standing(name, [value], corpus, floor.get(name))
        table.add_row(
            _meaning(name),
            _number(value),
            "" if corpus is None else f"{_number(corpus['mean'])} ± {_number(corpus['sd'])}",
            _number(floor.get(name), missing=""),
            Text(words, _STYLES.get(words, "red")) if value is not None else plain(reasons.get(name, "")),
        )
    return table


def headline_table(
    metrics: Values, reference: Mapping[str, Mapping[str, float]], floor: Values, reasons: Mapping[str, str]
) -> Table:
    """The metrics of summary tables, plus test loss and parse rate."""
    names = ["fit/validation_loss", "fit/test_loss", "validity/parse_rate", *summary_metrics()]
    return metrics_table(dict.fromkeys(names), metrics, reference, floor, reasons)


def group_table(
    by: Mapping[str, Values], name: str, reference: Mapping[str, Mapping[str, float]], floor: Values
) -> Table:
    """A row of headline metrics for each group of tunes; real and 5-gram tunes in the last three rows.

    by: setting as text, such as a temperature or a prompt -> metrics; name: of the setting. Metrics without a
    value in any group are omitted.
    """
    metrics = [metric for metric in HEADLINE if any(group.get(metric) is not None for group in by.values())]
    table = new_table()
    table.add_column(name, no_wrap=True)
    for metric in metrics:
        words = metric_words(metric).replace(" ", "\n")
        table.add_column(words, justify="right", vertical="bottom")
    for key, group in by.items():
        # Prompts may contain what rich would parse as markup.
        table.add_row(Text(shortened(key)), *(_number(group.get(metric)) for metric in metrics))
    corpus = [reference.get(metric) for metric in metrics]
    table.add_row(_REAL, *("" if one is None else _number(one["mean"]) for one in corpus), style="dim")
    table.add_row("± SD", *("" if one is None else _number(one["sd"]) for one in corpus), style="dim")
    table.add_row(_FLOOR, *(_number(floor.get(metric), missing="") for metric in metrics), style="dim")
    return table


def shortened(label: str) -> str:
    """A prompt as a single line of at most 28 characters: ↵ for newlines, an ellipsis for a long middle."""
    line = "".join("↵" if c == "\n" else c if c.isprintable() else "·" for c in label)
    if len(line) <= _MAX_LABEL_CHARACTERS:
        return line
    # Keep more of the end, since prompts often differ only in their last fields.
    num_first = _MAX_LABEL_CHARACTERS // 3
    return f"{line[:num_first]}…{line[num_first + 1 - _MAX_LABEL_CHARACTERS :]}"


def _meaning(name: str) -> Text:
    """The metric's name and what it is, on several lines if need be."""
    metric, words = METRICS.get(name), metric_words(name)
    if metric is None:
        return Text(words, "bold")
    # A rate's denominator is in the title.
    meaning = f"{words}: {metric.description.removesuffix(_OF_REQUESTED)}"
    label = Text("\n".join(wrap(meaning, _MAX_MEANING_CHARACTERS, subsequent_indent="  ")))
    label.stylize("bold", 0, len(words))
    return label


def _number(value: float | None, missing: str = "–") -> str:
    return missing if value is None else f"{value:.4f}" if abs(value) < 100 else f"{value:.1f}"
