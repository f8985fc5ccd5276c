"""The figures of scaling.py and corpus_preparation.py: cost against size, on logarithmic axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from musicgen.effects.figures.style import (
    CATEGORY_COLOURS,
    QUIET_COLOUR,
    TEXT_SIZE,
    label_axes,
    new_figure,
    rule_lightly,
    title_panel,
)

COLOURS = {
    "ours, fp32": CATEGORY_COLOURS[0],
    "ours, bf16": CATEGORY_COLOURS[2],
    "plain modules": CATEGORY_COLOURS[1],
    "operations": QUIET_COLOUR,
}
TITLES = {"lstm": "LSTM", "gru": "GRU"}


@dataclass(frozen=True)
class Line:
    """A value for each size."""

    sizes: tuple[float, ...]
    values: tuple[float, ...]


def draw_scaling(
    name: str,
    label: str,
    cells: Mapping[str, Mapping[str, Line]],
    rest: str,
    place: str,
    folder: Path,
) -> Path:
    """Draw microseconds per character of training, with a panel for each cell; returns the file."""
    figure, panels = new_figure(f"Cost of training as the {label} grows", 1, 2, width=8.4, height=3.9)
    for panel, (cell, lines) in zip(panels, cells.items(), strict=True):
        title_panel(panel, TITLES[cell], rest)
        for side, line in lines.items():
            microseconds = [1e6 * value for value in line.values]
            if side == "operations":
                style = {"linestyle": "--", "linewidth": 1.0, "label": "operations at our best rate"}
            else:
                style = {"marker": "o", "markersize": 4, "linewidth": 1.6, "label": side}
            panel.plot(line.sizes, microseconds, color=COLOURS[side], **style)
        label_axes(panel, label, "µs per character of training")
        _logarithmic(panel, next(iter(lines.values())).sizes)
        panel.legend(fontsize=TEXT_SIZE, frameon=False)
    values = [1e6 * value for lines in cells.values() for line in lines.values() for value in line.values]
    for panel in panels:
        panel.set_ylim(*_at_least_a_decade(min(values), max(values)))
    return _save(figure, place, folder / f"{name}.png")


def draw_corpus(rows: Sequence[Mapping[str, float]], place: str, folder: Path) -> Path:
    """Draw processor seconds and memory of preparing against megabytes; returns the file."""
    figure, panels = new_figure("Cost as the corpus grows", 1, 2, width=8.4, height=3.9)
    sizes = [row["megabytes"] for row in rows]
    stages, memory = panels
    title_panel(stages, "Preparation", "from the file to numbers to train on")
    for key, name, colour in (
        ("processor_seconds", "from scratch", CATEGORY_COLOURS[0]),
        ("cached_processor_seconds", "from the cache", CATEGORY_COLOURS[2]),
    ):
        _curve(stages, sizes, [row[key] for row in rows], name, colour)
    _proportional(stages, sizes, rows[-1]["processor_seconds"] / sizes[-1])
    label_axes(stages, "corpus, MB of ABC", "processor seconds")
    title_panel(memory, "Memory", "highest use of a process")
    for key, name, colour in (
        ("peak_bytes", "prepares from scratch", CATEGORY_COLOURS[0]),
        ("cached_training_peak_bytes", "prepares from the cache, trains", CATEGORY_COLOURS[2]),
    ):
        _curve(memory, sizes, [row[key] / 1e6 for row in rows], name, colour)
    base = rows[0]["base_bytes"] / 1e6
    memory.axhline(base, color=QUIET_COLOUR, linestyle="--", linewidth=1.0, label="before reading")
    label_axes(memory, "corpus, MB of ABC", "MB")
    for panel in panels:
        _logarithmic(panel, sizes)
        panel.legend(fontsize=TEXT_SIZE, frameon=False)
    return _save(figure, place, folder / "corpus.png")


def _curve(panel: Axes, sizes: Sequence[float], values: Sequence[float], name: str, colour: str) -> None:
    panel.plot(sizes, values, color=colour, marker="o", markersize=4, linewidth=1.6, label=name)


def _proportional(panel: Axes, sizes: Sequence[float], per_size: float) -> None:
    values = [per_size * size for size in sizes]
    panel.plot(sizes, values, color=QUIET_COLOUR, linestyle="--", linewidth=1.0, label="in proportion")


def _at_least_a_decade(low: float, high: float) -> tuple[float, float]:
    """Axis limits that span at least a decade, so that noise does not fill the panel."""
    spare = max((10 / (high / low)) ** 0.5, 1.2)
    return low / spare, high * spare


def _logarithmic(panel: Axes, sizes: Sequence[float]) -> None:
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.xaxis.set_major_locator(FixedLocator(list(sizes)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())
    rule_lightly(panel, "both")


def _save(figure: Figure, place: str, path: Path) -> Path:
    figure.text(0.995, 0.005, place, ha="right", va="bottom", fontsize=TEXT_SIZE - 1, color=QUIET_COLOUR)
    figure.get_layout_engine().set(rect=(0, 0.045, 1, 0.955))  # type: ignore[union-attr]
    figure.savefig(path)
    return path
