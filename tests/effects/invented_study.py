"""A small invented study, and what a test reads out of a figure of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from musicgen.config import Change
from musicgen.effects.effect import Decision, Effect, Grade
from musicgen.effects.figures.costs import seconds_figure
from musicgen.effects.figures.curves import loss_curves_figure
from musicgen.effects.figures.doses import dose_response_figure
from musicgen.effects.figures.draw import Drawing, draw_all, study_drawings
from musicgen.effects.figures.effects import effects_figure
from musicgen.effects.figures.sampling import trade_figure
from musicgen.effects.figures.study import DrawnStudy
from musicgen.effects.pairing import Arm, PairedRuns
from musicgen.metrics.registry import HEADLINE
from musicgen.records.runs import FoundRun
from tests.effects.made_effects import made_effect
from tests.records.made_runs import LOSS, RATE, made_run

SAMPLED = (RATE, "validity/ended_rate", "originality/copied_share", "diversity/distinct_4")
METRICS = tuple(dict.fromkeys([*HEADLINE, *SAMPLED]))
LEARNING_RATE, TEMPERATURE, CELL = "training.learning_rate", "sampling.temperature", "model.cell"
Endings = Mapping[tuple[Any, int], Any]
"""Level and seed -> status, where it is not complete."""
Changes = Mapping[str, tuple[object, Sequence[object]]]
"""Parameter -> level of the baseline, other levels."""
SHARED: Mapping[str, Any] = {"shares_training": True, "decision": Decision.IDENTICAL}
History = list[dict[str, float]]


class InventedStudy:
    """A small invented study. A level's effect is its place among the levels: 0.1 for the first, 0.2, ..."""

    def __init__(self, changes: Changes, seeds: int = 3, endings: Endings | None = None) -> None:
        self.histories: dict[FoundRun, History] = {}
        self.effects: list[Effect] = []
        self.baseline = Arm(None, self._runs(None, 0.0, seeds, endings or {}))
        self.arms: list[Arm] = []
        for parameter, (base, levels) in changes.items():
            for place, level in enumerate(levels, start=1):
                change = Change(parameter, level, base)
                self.arms.append(Arm(change, self._runs(change, 0.1 * place, seeds, endings or {})))
                for metric in METRICS:
                    self.add_effect(change, metric, 0.1 * place, seeds)

    def _runs(
        self, change: Change | None, effect: float, seeds: int, endings: Endings
    ) -> tuple[FoundRun, ...]:
        name = "baseline" if change is None else change.key
        trained = "baseline" if name.startswith("sampling") else name
        runs = []
        for seed in range(seeds):
            status = endings.get((change and change.value, seed), "complete")
            run = made_run(
                f"{name}/seed={seed}",
                seed=seed,
                overrides={"training.batch_size": 10, "training.sequence_length": 50},
                change=change and (change.parameter, change.value, change.baseline_value),
                metrics=dict.fromkeys(METRICS if status == "complete" else [], 0.2 + effect + 0.01 * seed),
                status=status,
                training_id=f"{trained}-{seed}",
            )
            self.histories[run] = history(1.5 + effect + 0.02 * seed, 6 if status == "complete" else 2)
            runs.append(run)
        return tuple(runs)

    def add_effect(
        self, change: Change, metric: str, effect: float, seeds: int, tuning: str = "plain"
    ) -> None:
        low, high = (effect - 0.04, effect + 0.05) if seeds > 1 else (math.nan, math.nan)
        self.effects.append(
            made_effect(
                change.parameter,
                change.value,
                metric,
                num_seeds=seeds,
                baseline_mean=0.21,
                mean=0.21 + effect,
                difference=effect,
                ci_low=low,
                ci_high=high,
                decision=Decision.RAISES if seeds > 1 else Decision.CANDIDATE,
                tuning=tuning,
            )
        )

    def leave_the_loss(self, parameter: str = TEMPERATURE) -> None:
        """The parameter's changes share the baseline's training, and so its loss."""
        self.effects = [
            replace(effect, difference=0.0, ci_low=0.0, ci_high=0.0, grade=Grade.IMPOSSIBLE, **SHARED)
            if (effect.parameter, effect.metric) == (parameter, LOSS)
            else effect
            for effect in self.effects
        ]

    @property
    def runs(self) -> list[FoundRun]:
        return self.paired().runs

    def give_reference(self, metric: str, mean: float, sd: float) -> None:
        for run in self.runs:
            run.record.reference = {metric: {"mean": mean, "sd": sd}}

    def paired(self) -> PairedRuns:
        return PairedRuns(self.baseline, tuple(self.arms), ())

    def figures(self) -> dict[str, Figure]:
        return draw_all(self.drawings())

    def drawings(self) -> Mapping[str, Drawing]:
        return study_drawings(self.study())

    def effects_figure(self) -> Figure:
        return present(effects_figure(self.study()))

    def loss_curves(self) -> Figure:
        return present(loss_curves_figure(self.study()))

    def trade(self, parameter: str) -> Figure:
        return present(trade_figure(self.study(), parameter))

    def seconds(self) -> Figure:
        return present(seconds_figure(self.study()))

    def dose_response(self, parameter: str) -> Figure:
        return present(dose_response_figure(self.study(), parameter))

    def study(self) -> DrawnStudy:
        return DrawnStudy(self.paired(), self.effects, self.histories)


def present(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def history(final_loss: float, validations: int) -> History:
    return [
        {
            "iteration": iteration,
            "validation_loss": final_loss + math.exp(-iteration / 10) if iteration % 10 == 0 else math.nan,
            "tokens_per_second": 250.0,
        }
        for iteration in range(5, 10 * validations + 1, 5)
    ]


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
