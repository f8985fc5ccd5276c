"""The results of a session for the terminal."""

import math
from collections.abc import Sequence

from rich.table import Table

from musicgen.listening.database import Database
from musicgen.listening.results import AGREEMENT_FILE, PREFERENCES_FILE, Results
from musicgen.listening.stimuli import Sample
from musicgen.records.ratings import MEANS_FILE
from musicgen.system.terminal import new_table, plain, wide_console
from musicgen.system.words import counted, signed

_WIDTH_WITHOUT_TERMINAL = 150


def print_results(results: Results, database: Database) -> None:
    """Print who listened, how far they agree, and what they rated each arm."""
    console = wide_console(_WIDTH_WITHOUT_TERMINAL)
    for line in [*database.remarks, *map(_sample, database.samples.values())]:
        console.print(plain(line))
    for line in _people(results):
        console.print(plain(line))
    if MEANS_FILE in results.tables:
        console.print(_means(results))
        if (agreement := _agreement(results)).row_count:
            console.print(agreement)
    if PREFERENCES_FILE in results.tables:
        console.print(_preferences(results))


def _sample(sample: Sample) -> str:
    invalid, silent = (
        f"{count} ({count / max(sample.num_tunes, 1):.0%})".replace("%", " %")
        for count in (sample.num_invalid, sample.num_without_notes)
    )
    tunes = counted(sample.num_tunes, "sampled tune")
    return f"{sample.arm}: of {tunes}, {invalid} invalid, {silent} without notes, which nobody can hear"


def _people(results: Results) -> list[str]:
    lines = []
    if results.num_under_way:
        who = counted(results.num_under_way, "listener")
        verb = "has" if results.num_under_way == 1 else "have"
        lines.append(f"{who} {verb} not ended; their answers are saved but not shown")
    if not results.listeners:
        return [*lines, "not rated"]
    names = ", ".join(results.listeners)
    lines.append(f"one listener, {names}" if len(results.listeners) == 1 else f"listeners: {names}")
    for one in results.reliability:
        text = f"{one.listener}: no repeated ratings"
        if one.num_repeated:
            text = f"{one.listener}: {one.num_equal} of {one.num_repeated} repeated ratings identical"
            text += f", {one.num_within_one} within one point"
        if math.isfinite(one.corpus_above_shuffled):
            text += f"; corpus tunes {signed(one.corpus_above_shuffled, '.1f')} above shuffled notes"
        lines.append(text)
    known = {name: value for name, value in results.between_listeners.items() if math.isfinite(value)}
    if known:
        pairs = ", ".join(f"{name} {value:.2f}" for name, value in known.items())
        lines.append(f"agreement between listeners (Krippendorff's ordinal alpha): {pairs}")
    if results.repeats[0]:
        lines.append(f"{results.repeats[1]} of {results.repeats[0]} repeated pairs judged alike")
    return lines


def _means(results: Results) -> Table:
    rows = [
        (
            row["arm"],
            row["criterion"],
            _interval(row["mean"], row["ci_low"], row["ci_high"]),
            row["num_ratings"],
            row["num_tunes"],
            row["num_listeners"],
        )
        for row in results.tables[MEANS_FILE].to_dict("records")
    ]
    return _table("ratings", ("arm", "criterion", "mean [95 %]", "ratings", "tunes", "listeners"), rows)


def _agreement(results: Results) -> Table:
    rows = [
        (
            row["criterion"],
            f"{row['metric']} ({row['unit']}{'s' if row['num_units'] != 1 else ''})"
            + (f", better {row['better']}" if isinstance(row["better"], str) else ""),
            _interval(row["rank_correlation"], row["ci_low"], row["ci_high"]),
            row["num_units"],
        )
        for row in results.tables[AGREEMENT_FILE].to_dict("records")
        if math.isfinite(row["rank_correlation"])
    ]
    return _table(
        "do the metrics agree with listeners, within arms? (exploratory)",
        ("criterion", "metric", "rank correlation [95 %]", "n"),
        rows,
    )


def _preferences(results: Results) -> Table:
    rows = [
        (
            row["arm"],
            f"{row['num_chosen']} of {row['num_choices']}",
            _interval(row["share"], row["ci_low"], row["ci_high"]),
            row["verdict"],
        )
        for row in results.tables[PREFERENCES_FILE].to_dict("records")
    ]
    return _table("preferred to the baseline", ("arm", "chosen", "share [95 %]", "verdict"), rows)


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    table = new_table(title)
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*(plain(value) for value in row))
    return table


def _interval(value: float, low: float, high: float) -> str:
    if not math.isfinite(low):
        return _number(value, 2)
    return f"{_number(value, 2)} [{_number(low, 2)}, {_number(high, 2)}]"


def _number(value: float, places: int) -> str:
    if not math.isfinite(value):
        return "–"
    # Adding 0 turns −0 into 0.
    return f"{round(value, places) + 0.0:.{places}f}".replace("-", "−")
