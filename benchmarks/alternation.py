"""Timing by turns: A B C A B C, so that a slow minute of the machine falls on all of them alike."""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

NUM_REPEATS = 5
"""Of every measurement, at least."""


@dataclass(frozen=True)
class Timing:
    """Seconds that a piece of work took, a value for each repeat."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The value in the middle."""
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        """The shortest, which other programs disturbed least."""
        return min(self.seconds)


@dataclass(frozen=True)
class Comparison:
    """Ours beside a peer's: the same work, measured by turns."""

    ours: Timing
    peer: Timing

    @property
    def ratio_of_medians(self) -> float:
        """How many times as long the peer takes."""
        return self.peer.median / self.ours.median

    @property
    def median_ratio(self) -> float:
        """The same, of each repeat by itself, and of these ratios the median."""
        pairs = zip(self.peer.seconds, self.ours.seconds, strict=True)
        return statistics.median(peer / ours for peer, ours in pairs)


def alternate(works: Mapping[str, Callable[[], float]], num_repeats: int) -> dict[str, Timing]:
    """Do every work once, then every work again, `num_repeats` times; a work returns its seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(num_repeats):
        for name, work in works.items():
            seconds[name].append(work())
            tell(f"  {repeat + 1} of {num_repeats}: {name} {format_seconds(seconds[name][-1])}")
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def format_seconds(seconds: float) -> str:
    """With three digits and the unit that suits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds / 1e-6)} µs"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def tell(line: str) -> None:
    """Show how far the benchmark has come."""
    print(line, file=sys.stderr, flush=True)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a line for each row."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
