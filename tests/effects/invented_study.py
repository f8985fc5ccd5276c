"""A small invented study, and what a test reads out of a figure of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from musicgen.effects.figures.arms import DrawnStudy
from musicgen.effects.figures.costs import seconds_figure
from musicgen.effects.figures.curves import loss_curves_figure
from musicgen.effects.figures.doses import dose_response_figure
from musicgen.effects.figures.draw import Drawing, draw_all, study_drawings
from musicgen.effects.figures.effects import effects_figure
from musicgen.effects.figures.sampling import copy_risk_figure
from musicgen.effects.verdict import Evidence, verdict
from musicgen.metrics.registry import HEADLINE

LOSS, RATE = "fit/validation_loss", "validity/tune_rate"
SAMPLED = ("validity/parse_rate", RATE, "originality/copied_share", "diversity/distinct_4")
LEARNING_RATE, TEMPERATURE, CELL = "training.learning_rate", "sampling.temperature", "model.cell"
Endings = Mapping[tuple[Any, int], str]
"""Level and seed -> status, where it is not complete."""
Changes = Mapping[str, tuple[object, Sequence[object]]]
"""Parameter -> level of the baseline, other levels."""


class InventedStudy:
    """A small invented study. A level's effect is its place among the levels: 0.1 for the first, 0.2, ..."""

    def __init__(self, changes: Changes, seeds: int = 3, endings: Endings | None = None) -> None:
        self.runs: list[dict[str, Any]] = []
        self.effect_rows: list[dict[str, Any]] = []
        self.histories: dict[str, pd.DataFrame] = {}
        baseline: dict[str, object] = {"parameter": None, "value": None, "baseline_value": None}
        self._add_runs(baseline, 0.0, seeds, endings or {})
        for parameter, (base, levels) in changes.items():
            for place, level in enumerate(levels, start=1):
                change = {"parameter": parameter, "value": level, "baseline_value": base}
                self._add_runs(change, 0.1 * place, seeds, endings or {})
                for metric in dict.fromkeys([*HEADLINE, *SAMPLED]):
                    self.add_effect(change, metric, 0.1 * place, seeds)

    def _add_runs(self, change: Mapping[str, Any], effect: float, seeds: int, endings: Endings) -> None:
        for seed in range(seeds):
            directory = f"{change['parameter']}={change['value']}/seed={seed}"
            status = endings.get((change["value"], seed), "complete")
            trained = "baseline" if str(change["parameter"]).startswith("sampling") else directory
            if change["parameter"] is None:
                trained = "baseline"
            row = {"directory": directory, "status": status, **change, "retuned": None, "seed": seed}
            row |= {"training_id": f"{trained}-{seed}", "training.batch_size": 10}
            row |= {"training.sequence_length": 50}
            names = dict.fromkeys([*HEADLINE, *SAMPLED]) if status == "complete" else []
            self.runs.append(row | dict.fromkeys(names, 0.2 + effect + 0.01 * seed))
            self.histories[directory] = history(1.5 + effect + 0.02 * seed, 6 if status == "complete" else 2)

    def add_effect(
        self, change: Mapping[str, Any], metric: str, effect: float, seeds: int, tuning: str = "plain"
    ) -> None:
        low, high = (effect - 0.04, effect + 0.05) if seeds > 1 else (math.nan, math.nan)
        evidence = Evidence(metric, True, seeds, effect, low, high, adjusted_p=0.01)
        self.effect_rows.append(
            {
                **change,
                "metric": metric,
                "num_seeds": seeds,
                "baseline_mean": 0.21,
                "mean": 0.21 + effect,
                "difference": effect,
                "ci_low": low,
                "ci_high": high,
                "verdict": verdict(evidence),
                "tuning": tuning,
                "family": "primary",
            }
        )

    def figures(self) -> dict[str, Figure]:
        return draw_all(self.drawings())

    def drawings(self) -> Mapping[str, Drawing]:
        return study_drawings(pd.DataFrame(self.runs), pd.DataFrame(self.effect_rows), self.histories)

    def effects(self) -> Figure:
        return present(effects_figure(self.study()))

    def loss_curves(self) -> Figure:
        return present(loss_curves_figure(self.study()))

    def copy_risk(self) -> Figure:
        return present(copy_risk_figure(self.study()))

    def seconds(self) -> Figure:
        return present(seconds_figure(self.study()))

    def dose_response(self, parameter: str) -> Figure:
        return present(dose_response_figure(self.study(), parameter))

    def study(self) -> DrawnStudy:
        return DrawnStudy.from_tables(pd.DataFrame(self.runs), pd.DataFrame(self.effect_rows), self.histories)


def present(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def history(final_loss: float, validations: int) -> pd.DataFrame:
    iterations = np.arange(5, 10 * validations + 1, 5)
    falling = final_loss + np.exp(-iterations / 10)
    measured = np.where(iterations % 10 == 0, falling, np.nan)
    return pd.DataFrame({"iteration": iterations, "validation_loss": measured, "tokens_per_second": 250.0})


def panel_of(figure: Figure, title: str) -> Axes:
    return next(panel for panel in figure.axes if panel.get_title(loc="left") == title)


def lines(panel: Axes, label: str) -> list[Line2D]:
    return [line for line in panel.lines if line.get_label() == label]


def points(line: Line2D) -> list[tuple[float, float]]:
    xs, ys = (np.asarray(data, float).tolist() for data in (line.get_xdata(), line.get_ydata()))
    return list(zip(xs, ys, strict=True))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]


def row_labels(panel: Axes) -> list[str]:
    return [label.get_text() for label in panel.get_yticklabels()]


def drawn(figure: Figure) -> Figure:
    """Laid out, so that places and sizes are known."""
    FigureCanvasAgg(figure).draw()
    return figure


def smallest_text(figure: Figure) -> float:
    return min(float(text.get_fontsize()) for text in figure.findobj(Text) if isinstance(text, Text))
