"""What was measured, as a file for programs (results.json) and one for people (results.md).

A part can be measured by itself: it takes its place in results.json, the others stay, and results.md says of
each when and of which version it is.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.alternation import Comparison, Timing, format_seconds, markdown_table
from benchmarks.machine import describe_machine

HEADER = """# Speed next to what you would use instead

Written by `make bench`; do not edit. Both sides of a row ran alternately on the machine below. Times are
medians, with the shortest in brackets; *ratio* is the peer's median ÷ ours, and *by pairs* the median of the
ratios of single repeats. The text above each table says what a row does and how much of it was measured."""


@dataclass(frozen=True)
class Row:
    """One comparison."""

    workload: str
    ours: str
    """Which of our settings, such as fp32."""
    peer: str
    comparison: Comparison
    """Seconds of one `unit`."""
    unit: str
    at_least: float | None = None
    """The ratio that is asked for; None where the comparison only informs."""
    aim: float | None = None


@dataclass(frozen=True)
class Part:
    """The rows of one kind of work."""

    title: str
    text: str
    """What was measured and how, in words."""
    rows: Sequence[Row]
    tables: Sequence[str] = ()
    """Further tables, in Markdown."""
    origin: Mapping[str, Any] = field(default_factory=lambda: _origin())
    """Date, version and machine of the measurement."""


def _origin() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "machine": describe_machine(),
    }


def _commit() -> str:
    """The checkout's version, marked where files differ from it; empty outside a checkout."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).resolve().parent, check=False
    )
    return done.stdout.strip()


def read_parts(path: Path) -> dict[str, Part]:
    """Name -> part of an earlier measurement; empty where there was none."""
    if not path.exists():
        return {}
    parts = json.loads(path.read_text(encoding="utf-8"))
    return {name: _part_of(values) for name, values in parts.items()}


def _part_of(values: dict[str, Any]) -> Part:
    rows = []
    for row in values.pop("rows"):
        sides = row.pop("comparison")
        timings = {name: Timing(tuple(side["seconds"])) for name, side in sides.items()}
        rows.append(Row(**row, comparison=Comparison(**timings)))
    return Part(**values, rows=rows)


def write_parts(parts: Mapping[str, Part], folder: Path) -> Path:
    """Write both files; returns the one for people."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {name: asdict(part) for name, part in parts.items()}
    (folder / "results.json").write_text(
        json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    page = folder / "results.md"
    page.write_text(render(list(parts.values())), encoding="utf-8")
    return page


def render(parts: Sequence[Part]) -> str:
    """The page for people."""
    machines = []
    for part in parts:
        if part.origin["machine"] not in machines:
            machines.append(part.origin["machine"])
    pieces = [HEADER]
    for number, machine in enumerate(machines, start=1):
        name = f"machine {number}" if len(machines) > 1 else "machine"
        pieces.append(markdown_table([name, ""], [[key, str(value)] for key, value in machine.items()]))
    for part in parts:
        where = f", machine {machines.index(part.origin['machine']) + 1}" if len(machines) > 1 else ""
        measured = f"*Measured {part.origin['date']}, version {part.origin['commit'] or 'unknown'}{where}.*"
        pieces += [f"## {part.title}", f"{part.text}\n{measured}"]
        if part.rows:
            pieces.append(_rows_table(part.rows))
        pieces += part.tables
    return "\n\n".join(pieces) + "\n"


def _rows_table(rows: Sequence[Row]) -> str:
    header = [
        "workload",
        "ours",
        "time",
        "peer",
        "time",
        "a",
        "ratio",
        "by pairs",
        "at least",
        "aim",
        "repeats",
    ]
    return markdown_table(
        header,
        [
            [
                row.workload,
                row.ours,
                _time(row.comparison.ours),
                row.peer,
                _time(row.comparison.peer),
                row.unit,
                f"**{_ratio(row.comparison.ratio_of_medians)}**",
                _ratio(row.comparison.median_ratio),
                "" if row.at_least is None else _ratio(row.at_least),
                "" if row.aim is None else _ratio(row.aim),
                str(len(row.comparison.ours.seconds)),
            ]
            for row in rows
        ],
    )


def _time(timing: Timing) -> str:
    return f"{format_seconds(timing.median)} ({format_seconds(timing.minimum)})"


def _ratio(value: float) -> str:
    return f"{value:.3g} ×" if value < 100 else f"{value:.0f} ×"
