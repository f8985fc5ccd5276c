"""The results of the benchmarks: results.json for programs, and results.md for people.

A part can be measured alone; the others stay in results.json. results.md gives the date and version of each.
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
    """Our settings, such as fp32."""
    peer: str
    comparison: Comparison
    """Seconds of one `unit`."""
    unit: str
    at_least: float | None = None
    """Required ratio; None if there is no requirement."""
    aim: float | None = None


@dataclass(frozen=True)
class Part:
    """The results of one kind of work."""

    title: str
    text: str
    """Describes what was measured, and how."""
    rows: Sequence[Row]
    tables: Sequence[str] = ()
    """Further tables, in Markdown."""
    origin: Mapping[str, Any] = field(default_factory=lambda: _origin())
    """Date, commit and machine of the measurement."""


def _origin() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "machine": describe_machine(),
    }


def _commit() -> str:
    """The commit, with "-dirty" if code or settings have changed since; empty outside a checkout.

    The results themselves change with each part that is measured.
    """
    commit = _git("describe", "--always")
    return f"{commit}-dirty" if _git("diff", "--name-only", "HEAD", "--", ":/*.py", ":/*.yaml") else commit


def _git(*words: str) -> str:
    folder = Path(__file__).resolve().parent
    done = subprocess.run(["git", *words], capture_output=True, text=True, cwd=folder, check=False)
    return done.stdout.strip()


def read_parts(path: Path) -> dict[str, Part]:
    """Name -> part of an earlier measurement; empty if the file does not exist."""
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
    """Write both files; returns the path of results.md."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {name: asdict(part) for name, part in parts.items()}
    (folder / "results.json").write_text(
        json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    page = folder / "results.md"
    page.write_text(render(list(parts.values())), encoding="utf-8")
    return page


def render(parts: Sequence[Part]) -> str:
    """The text of results.md."""
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
