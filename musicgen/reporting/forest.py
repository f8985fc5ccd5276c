"""The effects plot as the page draws it: a table for each metric, with a strip for each change.

A strip shows the interval of a difference on an axis shared by all strips of a metric, the largest first.
Positions are percent of its width, so that it fits a phone as well as a desktop.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from musicgen.effects.answers import Answer, MetricAnswers
from musicgen.effects.figures.effects import most_difference
from musicgen.effects.figures.style import metric_unit
from musicgen.system.words import brief, signed

_OUTLYING = 3.0
"""Interval ends beyond this many times the third quartile of all ends are cut off."""
_MARGIN_SHARE = 0.06
_MAX_TICKS = 4


@dataclass(frozen=True, slots=True)
class Strip:
    """One change; a position is None if the number does not exist, and that of a difference off the axis."""

    answer: Answer
    centre: float | None
    low: float | None
    high: float | None
    below: str
    """An arrow and the number that lies below the axis; "" if nothing does."""
    above: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line through all strips."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class Forest:
    """The strips of one metric."""

    answers: MetricAnswers
    unit: str
    strips: tuple[Strip, ...]
    ticks: tuple[Tick, ...]
    zero: float
    margin: tuple[float, float] | None
    """Position and width of the differences too small to matter."""
    margin_words: str
    """What the shaded margin means; "" without a margin."""


class Axis:
    """Maps differences to percent of the width; what is outside goes to the edge.

    most: the largest possible difference, where the axis ends.
    """

    def __init__(self, low: float, high: float, most: float = math.inf) -> None:
        room = _MARGIN_SHARE * (high - low)
        self.low, self.high = max(low - room, -most), min(high + room, most)

    def contains(self, value: float) -> bool:
        """Whether the value is on the axis."""
        return self.low <= value <= self.high

    def place(self, value: float) -> float:
        """The position, from 0 to 100."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def ticks(self) -> tuple[Tick, ...]:
        """Round values on the axis, with their words."""
        from matplotlib.ticker import MaxNLocator

        values = MaxNLocator(_MAX_TICKS).tick_values(self.low, self.high)
        inside = [float(value) for value in values if self.low <= value <= self.high]
        return tuple(Tick(self.place(value), signed(value, "g")) for value in inside)


def draw_forest(answers: MetricAnswers, margin: float | None) -> Forest | None:
    """Lay out a metric's strips; None if no change has a difference.

    A change that cannot move the metric has no strip. margin: the largest difference that does not matter, if
    it is declared or known.
    """
    movable = [answer for answer in answers.answers if answer.effect.is_possible]
    most = most_difference(answers.metric)
    ends = [end for answer in movable for end in _ends(answer, most) if not math.isnan(end)]
    if not ends:
        return None
    axis = _axis(ends, margin or 0.0, most)
    strips = tuple(_strip(answer, axis, most) for answer in sorted(movable, key=_size, reverse=True))
    zero, shaded = axis.place(0.0), None
    if margin:
        shaded = (axis.place(-margin), round(axis.place(margin) - axis.place(-margin), 2))
    words = f"Shaded: differences up to {brief(margin)}, too small to matter." if margin else ""
    return Forest(answers, metric_unit(answers.metric), strips, axis.ticks(), zero, shaded, words)


def _size(answer: Answer) -> float:
    """Changes without a difference come last."""
    difference = abs(answer.effect.difference)
    return -1.0 if math.isnan(difference) else difference


def _axis(ends: Sequence[float], margin: float, most: float) -> Axis:
    """An axis that shows zero, the margin and most intervals in full."""
    reach = max(_OUTLYING * float(np.percentile(np.abs(ends), 75)), 1.5 * margin)
    low, high = max(min(*ends, -margin, 0.0), -reach), min(max(*ends, margin, 0.0), reach)
    return Axis(low, high, most) if high > low else Axis(-1.0, 1.0)


def _strip(answer: Answer, axis: Axis, most: float) -> Strip:
    difference, low, high = _ends(answer, most)
    below = [number for number in (difference, low) if number < axis.low]
    above = [number for number in (difference, high) if number > axis.high]
    return Strip(
        answer,
        axis.place(difference) if axis.contains(difference) else None,
        None if math.isnan(low) else axis.place(low),
        None if math.isnan(high) else axis.place(high),
        f"◂ {signed(below[0], '.2g')}" if below else "",
        f"{signed(above[0], '.2g')} ▸" if above else "",
    )


def _ends(answer: Answer, most: float) -> list[float]:
    """The difference and the ends of its interval, as far as they are possible; NaN where there is none."""
    effect = answer.effect
    return np.clip([effect.difference, effect.ci_low, effect.ci_high], -most, most).tolist()
