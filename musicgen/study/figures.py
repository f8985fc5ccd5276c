"""The figures of a study, and how they become files.

Files come out the same for the same tables, byte by byte: no date, no version, no random identifiers. SVG
keeps its text as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.files import replace_atomically
from musicgen.study.cost_figures import seconds_figure
from musicgen.study.curve_figures import loss_curves_figure
from musicgen.study.dose_figures import dose_response_figures
from musicgen.study.effect_figures import effects_figure
from musicgen.study.figure_arms import DrawnStudy
from musicgen.study.sampling_figures import copy_risk_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

_DOTS_PER_INCH = 120


def study_figures(
    runs: DataFrame, effects: DataFrame, histories: Mapping[str, DataFrame], most_columns: int = 4
) -> dict[str, Figure]:
    """Every figure that the tables allow, by file name without suffix.

    `runs` and `effects` are the tables of runs.csv and effects.csv; `histories` holds history.csv by run
    directory. Columns reference/METRIC and reference_sd/METRIC of `runs`, where there are any, give the level
    of held-out corpus tunes, and study.equivalence_margin.METRIC the declared margin. `most_columns` is for
    paper that is narrow.
    """
    study = DrawnStudy.from_tables(runs, effects, histories)
    figures = {
        "effects": effects_figure(study, most_columns),
        "loss_curves": loss_curves_figure(study, most_columns),
        "copy_risk": copy_risk_figure(study),
        "seconds": seconds_figure(study),
    }
    for parameter, figure in dose_response_figures(study, most_columns).items():
        figures["dose_response_" + parameter.replace(".", "_").replace("/", "_")] = figure
    return {name: figure for name, figure in figures.items() if figure is not None}


def write_figures(
    figures: Mapping[str, Figure], folder: Path, suffixes: Sequence[str] = ("svg", "png")
) -> list[Path]:
    """Write every figure to `folder`, which is made, in each format; the paths in that order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        for suffix in suffixes:
            path = folder / f"{name}.{suffix}"
            with replace_atomically(path) as temporary:
                _write(figure, temporary)
            # Laid out once for all formats: finding the margins takes as long as drawing.
            figure.set_layout_engine("none")
            paths.append(path)
    return paths


def _write(figure: Figure, path: Path) -> None:
    """Draw the figure once; its savefig would draw it twice, the first time for the margins alone."""
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
        # Nothing is transparent, and three channels are packed faster than four.
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        pixels.save(path, dpi=(_DOTS_PER_INCH, _DOTS_PER_INCH))
