"""Draw the figures of a study and write them to files.

The same runs give the same files, byte for byte: without date, version or random identifiers. Text in SVG
stays text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.effects.figures.costs import seconds_figure
from musicgen.effects.figures.curves import loss_curves_figure
from musicgen.effects.figures.doses import dose_response_figure
from musicgen.effects.figures.effects import effects_figure
from musicgen.effects.figures.grid import grid_figure
from musicgen.effects.figures.sampling import trade_figure
from musicgen.effects.figures.study import DrawnStudy
from musicgen.system.cores import map_forked
from musicgen.system.files import replace_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 120
MAX_NAME = 150
"""Characters of the parameter in a figure's file name."""


Drawing = Callable[[], "Figure | None"]
"""Draws a figure; returns None if there is too little to show."""


def study_drawings(study: DrawnStudy, max_columns: int = 4) -> dict[str, Drawing]:
    """How to draw each figure of a study, by file name without suffix.

    max_columns: panels in a row at most, for narrow pages.
    """
    drawings: dict[str, Drawing] = {
        "effects": partial(effects_figure, study, max_columns),
        "grid": partial(grid_figure, study),
        "loss_curves": partial(loss_curves_figure, study, max_columns),
        "seconds": partial(seconds_figure, study),
    }
    for parameter in study.arms_by_parameter():
        # In somebody else's run, a parameter may be any text.
        name = re.sub(r"[^\w=+-]", "_", parameter)[:MAX_NAME]
        drawings[f"dose_response_{name}"] = partial(dose_response_figure, study, parameter, max_columns)
        drawings[f"trade_{name}"] = partial(trade_figure, study, parameter)
    return drawings


def draw_all(drawings: Mapping[str, Drawing]) -> dict[str, Figure]:
    """Draw the figures, and leave out those with too little to show."""
    figures = {name: draw() for name, draw in drawings.items()}
    return {name: figure for name, figure in figures.items() if figure is not None}


def write_figures(
    figures: Mapping[str, Figure], folder: Path, suffixes: Sequence[str] = ("svg", "png")
) -> list[Path]:
    """Write every figure to `folder` in each format; returns the paths in that order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        for suffix in suffixes:
            path = folder / f"{name}.{suffix}"
            with replace_atomically(path) as temporary:
                _write(figure, temporary)
            # The layout is the same for all formats, and takes as long as drawing.
            figure.set_layout_engine("none")
            paths.append(path)
    return paths


def draw_on_all_cores(drawings: Mapping[str, Drawing], folder: Path) -> list[Path]:
    """Draw and write in SVG and PNG, in parallel where this process can fork."""

    def draw(name: str) -> list[Path]:
        return write_figures(draw_all({name: drawings[name]}), folder)

    return [path for paths in map_forked(draw, list(drawings)) for path in paths]


def _write(figure: Figure, path: Path) -> None:
    """Draw the figure once. Its savefig would draw it twice, the first time for its margins."""
    import matplotlib as mpl
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from PIL import Image

    figure.set_dpi(_DOTS_PER_INCH)
    if path.suffix == ".svg":
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "musicgen"}):
            FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None, "Creator": None})
    else:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        # Nothing is transparent, and three channels are compressed faster than four.
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        # A third faster than Pillow's default level, for a sixth more bytes.
        pixels.save(path, dpi=(_DOTS_PER_INCH, _DOTS_PER_INCH), compress_level=3)
