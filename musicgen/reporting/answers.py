"""The effects table in plain words: what each change did to each metric."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from musicgen.effects.effect import Decision, Effect
from musicgen.effects.figures.study import change_label
from musicgen.effects.figures.style import metric_direction, metric_title
from musicgen.metrics.registry import METRICS, Direction, metric_words
from musicgen.reporting.study_data import StudyData
from musicgen.system.words import listed, signed_interval


class Outcome(StrEnum):
    """A decision on an effect as a reader of the report sees it."""

    BETTER = "better"
    WORSE = "worse"
    CHANGED = "changed"
    """An effect on a metric that has no better or worse here."""
    EQUAL = "no difference that matters"
    CANDIDATE = "a candidate"
    INCONCLUSIVE = "inconclusive"
    NO_VALUE = "no value"

    @property
    def is_clear(self) -> bool:
        """Whether the page shows it at once instead of folding it away."""
        return self in (Outcome.BETTER, Outcome.WORSE, Outcome.CHANGED, Outcome.CANDIDATE)


_OUTCOMES = {
    Decision.EQUIVALENT: Outcome.EQUAL,
    Decision.IDENTICAL: Outcome.EQUAL,
    Decision.INCONCLUSIVE: Outcome.INCONCLUSIVE,
    Decision.CANDIDATE: Outcome.CANDIDATE,
    Decision.UNIFORM: Outcome.CANDIDATE,
    Decision.NO_VALUE: Outcome.NO_VALUE,
}
MARKS = {
    Outcome.BETTER: "▲",
    Outcome.WORSE: "▼",
    Outcome.CHANGED: "◆",
    Outcome.EQUAL: "=",
    Outcome.CANDIDATE: "△",
    Outcome.INCONCLUSIVE: "○",
    Outcome.NO_VALUE: "–",
}
"""A sign for each outcome, so that colour is not needed to tell them apart."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one change did to one metric."""

    change: str
    """Such as "model.cell = gru"."""
    outcome: Outcome
    effect: Effect

    @property
    def mark(self) -> str:
        return MARKS[self.outcome]

    @property
    def difference(self) -> str:
        """The difference from the baseline, with its interval if there is one."""
        return signed_interval(self.effect.difference, self.effect.ci_low, self.effect.ci_high)


@dataclass(frozen=True, slots=True)
class MetricAnswers:
    """What all changes did to one metric."""

    metric: str
    title: str
    direction: str
    answers: tuple[Answer, ...]

    def of(self, outcome: Outcome) -> list[Answer]:
        """The answers with this outcome, largest difference first."""
        found = [answer for answer in self.answers if answer.outcome is outcome]
        return sorted(found, key=lambda answer: -abs(answer.effect.difference))

    @property
    def groups(self) -> list[tuple[Outcome, list[Answer]]]:
        """Each outcome that occurs, with its answers."""
        return [(outcome, found) for outcome in Outcome if (found := self.of(outcome))]

    @property
    def sentence(self) -> str:
        """What happened to the metric, in one or two sentences."""
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
        others = [
            (len(found), phrase)
            for outcome, phrase in (
                (Outcome.EQUAL, "made no difference that matters"),
                (Outcome.CANDIDATE, "rested on one seed or had too little spread to judge"),
                (Outcome.INCONCLUSIVE, "{} inconclusive"),
                (Outcome.NO_VALUE, "could not be compared"),
            )
            if (found := self.of(outcome))
        ]
        if decided:
            lead = f"{words.capitalize()} is {'; it is '.join(decided)}."
        else:
            lead = f"No change clearly affected {words}."
        return " ".join([lead, *_others(others, has_decided=bool(decided))])


def _others(counts: Sequence[tuple[int, str]], *, has_decided: bool) -> Iterator[str]:
    """A sentence on the changes without a clear effect, if there are any."""
    total = sum(count for count, _ in counts)
    if not counts:
        return
    phrases = [(count, phrase.format("was" if count == 1 else "were")) for count, phrase in counts]
    if len(phrases) == 1:
        several = {1: "The only change", 2: "Both changes"}.get(total, f"All {total} changes")
        other = "The other change" if total == 1 else f"The other {total} changes"
        yield f"{other if has_decided else several} {phrases[0][1]}."
    else:
        tail = listed([f"{count} {phrase}" for count, phrase in phrases])
        yield f"Of the {'other ' if has_decided else ''}{total} changes, {tail}."


def answers_on(study: StudyData, metrics: Iterable[str]) -> list[MetricAnswers]:
    """What the changes did to each of these metrics; metrics that no run has are left out."""
    found = []
    for metric in metrics:
        answers = tuple(_answer(effect) for effect in study.effects if effect.metric == metric)
        if answers:
            found.append(MetricAnswers(metric, metric_title(metric), metric_direction(metric), answers))
    return found


def _answer(effect: Effect) -> Answer:
    label = " ".join(change_label(effect.parameter, effect.value, effect.tuning).split())
    return Answer(label, _outcome(effect), effect)


def _outcome(effect: Effect) -> Outcome:
    if not effect.decision.is_claim:
        return _OUTCOMES[effect.decision]
    if math.isnan(effect.gain) or effect.gain == 0:
        return Outcome.CHANGED
    # A metric can clearly change and yet be as far from the corpus as before, on its other side.
    if _has_target(effect.metric) and not (effect.gain_low > 0 or effect.gain_high < 0):
        return Outcome.CHANGED
    return Outcome.BETTER if effect.gain > 0 else Outcome.WORSE


def _has_target(metric: str) -> bool:
    """Whether the corpus is what the metric should come near to."""
    return metric in METRICS and METRICS[metric].direction is Direction.CORPUS
