"""Alternating timing: A B C A B C, so that a slow minute of the machine affects all sides."""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

NUM_REPEATS = 5
"""Repeats of a measurement, by default."""


@dataclass(frozen=True)
class Timing:
    """Seconds of a piece of work, for each repeat."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        """The repeat that other programs disturbed least."""
        return min(self.seconds)


@dataclass(frozen=True)
class Comparison:
    """The same work done by us and by a peer, measured alternately."""

    ours: Timing
    peer: Timing

    @property
    def ratio_of_medians(self) -> float:
        """The peer's median ÷ our median."""
        return self.peer.median / self.ours.median

    @property
    def median_ratio(self) -> float:
        """The median of the ratios of single repeats."""
        pairs = zip(self.peer.seconds, self.ours.seconds, strict=True)
        return statistics.median(peer / ours for peer, ours in pairs)


def alternate(works: Mapping[str, Callable[[], float]], num_repeats: int) -> dict[str, Timing]:
    """Run all works in turn, `num_repeats` times; each returns its seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(num_repeats):
        for name, work in works.items():
            seconds[name].append(work())
            report_progress(f"  {repeat + 1} of {num_repeats}: {name} {format_seconds(seconds[name][-1])}")
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def format_seconds(seconds: float) -> str:
    """Format with three digits and a suitable unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds / 1e-6)} µs"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def report_progress(line: str) -> None:
    """Print a line to stderr."""
    print(line, file=sys.stderr, flush=True)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a line for each row."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
