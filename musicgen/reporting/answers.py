"""The effects table in plain words: what each change did to each metric."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from musicgen.effects.effect import Decision, Effect
from musicgen.effects.figures.study import change_label
from musicgen.effects.figures.style import metric_direction, metric_title
from musicgen.effects.verdict import metric_words
from musicgen.metrics.registry import METRICS, Direction
from musicgen.reporting.material import Material
from musicgen.system.words import signed_interval


class Outcome(StrEnum):
    """What can be said of a change, from the reader's side."""

    BETTER = "better"
    WORSE = "worse"
    CHANGED = "changed"
    """Beyond doubt, but the metric has no better or worse here."""
    EQUAL = "no difference that matters"
    CANDIDATE = "a candidate"
    UNDECIDED = "undecided"
    NOTHING = "no value"


_OUTCOMES = {
    Decision.EQUIVALENT: Outcome.EQUAL,
    Decision.IDENTICAL: Outcome.EQUAL,
    Decision.INCONCLUSIVE: Outcome.UNDECIDED,
    Decision.CANDIDATE: Outcome.CANDIDATE,
    Decision.UNIFORM: Outcome.CANDIDATE,
    Decision.NO_VALUE: Outcome.NOTHING,
}
MARKS = {
    Outcome.BETTER: "▲",
    Outcome.WORSE: "▼",
    Outcome.CHANGED: "◆",
    Outcome.EQUAL: "=",
    Outcome.CANDIDATE: "△",
    Outcome.UNDECIDED: "○",
    Outcome.NOTHING: "–",
}
"""A sign for each, so that no colour is needed to tell them apart."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one change did to one metric."""

    change: str
    """Such as "model.cell = gru"."""
    metric: str
    outcome: Outcome
    verdict: str
    row: Effect

    @property
    def mark(self) -> str:
        """The outcome's sign."""
        return MARKS[self.outcome]

    @property
    def difference(self) -> str:
        """With its interval, where it has one."""
        return signed_interval(self.row.difference, self.row.ci_low, self.row.ci_high)


@dataclass(frozen=True, slots=True)
class MetricAnswers:
    """What all changes did to one metric."""

    metric: str
    title: str
    direction: str
    answers: tuple[Answer, ...]

    def of(self, outcome: Outcome) -> list[Answer]:
        """The answers with this outcome, the largest difference first."""
        found = [answer for answer in self.answers if answer.outcome is outcome]
        return sorted(found, key=lambda answer: -abs(answer.row.difference))

    @property
    def groups(self) -> list[tuple[Outcome, list[Answer]]]:
        """The outcomes that there are, each with its answers."""
        return [(outcome, found) for outcome in Outcome if (found := self.of(outcome))]

    @property
    def sentence(self) -> str:
        """What became of the metric, in words."""
        words = metric_words(self.metric)
        decided = [
            f"{adjective} with {listed([answer.change for answer in found])}"
            for outcome, adjective in (
                (Outcome.BETTER, "better"),
                (Outcome.WORSE, "worse"),
                (Outcome.CHANGED, "different"),
            )
            if (found := self.of(outcome))
        ]
        rest = {
            phrase: len(self.of(outcome))
            for outcome, phrase in (
                (Outcome.EQUAL, "made no difference that matters"),
                (Outcome.CANDIDATE, "rested on one seed or on too little spread"),
                (Outcome.UNDECIDED, "stayed undecided"),
                (Outcome.NOTHING, "could not be compared"),
            )
            if self.of(outcome)
        }
        if not decided and len(rest) == 1:
            (phrase,) = rest
            every = f"All {len(self.answers)} changes" if len(self.answers) > 1 else "The one change"
            return f"Nothing moved {words} beyond doubt. {every} {phrase}."
        lead = (
            f"{words.capitalize()} is {'; it is '.join(decided)}."
            if decided
            else (f"Nothing moved {words} beyond doubt.")
        )
        if decided and sum(rest.values()) == 1:
            (phrase,) = rest
            return f"{lead} The other change {phrase}."
        tail = listed([f"{count} {phrase}" for phrase, count in rest.items()])
        return (
            f"{lead} Of {'the other' if decided else 'the'} {sum(rest.values())} changes, {tail}."
            if rest
            else lead
        )


def answers_on(material: Material, metrics: Iterable[str]) -> list[MetricAnswers]:
    """What the changes did to each of these metrics, where any run has it."""
    found = []
    for metric in metrics:
        answers = tuple(_answer(row, material) for row in material.effects if row.metric == metric)
        if answers:
            found.append(MetricAnswers(metric, metric_title(metric), metric_direction(metric), answers))
    return found


def _answer(row: Effect, material: Material) -> Answer:
    label = " ".join(change_label(row.parameter, row.value, row.tuning).split())
    return Answer(label, row.metric, _outcome(row, material), row.verdict, row)


def _outcome(row: Effect, material: Material) -> Outcome:
    if not row.decision.is_claim:
        return _OUTCOMES[row.decision]
    gain = improvement(row, material)
    if gain is None or gain == 0:
        return Outcome.CHANGED
    return Outcome.BETTER if gain > 0 else Outcome.WORSE


def improvement(row: Effect, material: Material) -> float | None:
    """By how much the change makes the metric better; negative for worse, None where that has no meaning."""
    metric = METRICS.get(row.metric)
    if metric is None or math.isnan(row.difference):
        return None
    if metric.direction is Direction.CORPUS:
        known = [run.record.reference.get(metric.name) for run in material.star.runs]
        target = next((reference["mean"] for reference in known if reference is not None), None)
        return None if target is None else abs(row.baseline_mean - target) - abs(row.mean - target)
    return row.difference if metric.direction is Direction.HIGHER else -row.difference


def listed(parts: Sequence[str]) -> str:
    """Such as "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
