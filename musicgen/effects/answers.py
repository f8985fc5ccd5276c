"""The effects table in plain words: what each change did to each metric."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from musicgen.effects.effect import MIN_AGREEING_SEEDS, Effect, Grade
from musicgen.effects.figures.study import change_label
from musicgen.effects.figures.style import metric_direction, metric_title
from musicgen.system.words import decimals, listed, signed_interval


class Outcome(StrEnum):
    """An effect as a reader sees it: its grade, and its direction where the grade allows one."""

    BETTER = "better"
    WORSE = "worse"
    CHANGED = "changed"
    """An effect on a metric that has no better or worse here."""
    LIKELY_BETTER = "likely better"
    LIKELY_WORSE = "likely worse"
    LIKELY_CHANGED = "likely changed"
    CANDIDATE = "one seed"
    UNCLEAR = "unclear"
    UNSEEN = "cannot be seen with this design"
    EQUAL = "no difference that matters"
    NO_VALUE = "no value"

    @property
    def is_clear(self) -> bool:
        """Whether the page shows it at once instead of folding it away."""
        return self in _DIRECTED or self is Outcome.CANDIDATE


_OUTCOMES = {
    Grade.ONE_SEED: Outcome.CANDIDATE,
    Grade.UNCLEAR: Outcome.UNCLEAR,
    Grade.UNSEEN: Outcome.UNSEEN,
    Grade.SMALL: Outcome.EQUAL,
    Grade.IDENTICAL: Outcome.EQUAL,
    Grade.IMPOSSIBLE: Outcome.EQUAL,
    Grade.NO_VALUE: Outcome.NO_VALUE,
}
MARKS = {
    Outcome.BETTER: "▲",
    Outcome.WORSE: "▼",
    Outcome.CHANGED: "◆",
    Outcome.LIKELY_BETTER: "△",
    Outcome.LIKELY_WORSE: "▽",
    Outcome.LIKELY_CHANGED: "◇",
    Outcome.CANDIDATE: "•",
    Outcome.UNCLEAR: "○",
    Outcome.UNSEEN: "?",
    Outcome.EQUAL: "=",
    Outcome.NO_VALUE: "–",
}
"""A sign for each outcome, so that colour is not needed to tell them apart."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one change did to one metric."""

    change: str
    """Such as "cell=gru"."""
    outcome: Outcome
    effect: Effect

    @property
    def mark(self) -> str:
        """The sign of the outcome in tables."""
        return MARKS[self.outcome]

    @property
    def difference(self) -> str:
        """The difference from the baseline, with its interval if there is one."""
        return signed_interval(self.effect.difference, self.effect.ci_low, self.effect.ci_high)

    @property
    def values(self) -> str:
        """The metric without and with the change, such as "1.08 → 1.21"; a dash without a value."""
        effect = self.effect
        if math.isnan(effect.difference):
            return "–"
        places = max(2, decimals(effect.ci_high - effect.ci_low))
        return f"{effect.baseline_mean:.{places}f} → {effect.mean:.{places}f}"

    @property
    def agreement(self) -> str:
        """How many seeds have the sign of the effect, such as "3/3"; a dash where none differs."""
        effect = self.effect
        return f"{effect.num_agreeing}/{effect.num_seeds}" if effect.size else "–"

    @property
    def grade(self) -> str:
        """The grade, with the direction where it allows one, such as "likely: better"."""
        effect = self.effect
        if effect.grade.has_direction:
            return f"{effect.grade}: {effect.sense}"
        # No other column says what a seed may differ by, or why a value is missing.
        return effect.answer if effect.grade in (Grade.ONE_SEED, Grade.NO_VALUE) else str(effect.grade)

    @property
    def is_unanimous(self) -> bool:
        """Whether all of at least three seeds agree on the direction; two do so half of the time."""
        return self.effect.num_agreeing == self.effect.num_seeds >= MIN_AGREEING_SEEDS


@dataclass(frozen=True, slots=True)
class MetricAnswers:
    """What all changes did to one metric, largest difference first."""

    metric: str
    title: str
    direction: str
    answers: tuple[Answer, ...]

    def of(self, outcome: Outcome) -> list[Answer]:
        """The answers with this outcome."""
        return [answer for answer in self.answers if answer.outcome is outcome]

    @property
    def groups(self) -> list[tuple[Outcome, list[Answer]]]:
        """Each outcome that occurs, with its answers."""
        return [(outcome, found) for outcome in Outcome if (found := self.of(outcome))]

    @property
    def sentence(self) -> str:
        """What happened to the metric, in a few sentences."""
        directed = [
            f"{phrase} with {listed([answer.change for answer in found])}"
            for outcome, phrase in _DIRECTED.items()
            if (found := self.of(outcome))
        ]
        agreed = [
            answer for answer in self.answers if answer.outcome is Outcome.UNCLEAR and answer.is_unanimous
        ]
        others = [
            (len(found), phrase)
            for outcome, phrase in _UNDIRECTED.items()
            if (found := [answer for answer in self.of(outcome) if answer not in agreed])
        ]
        lead = f"{self.title} is {'; '.join(directed)}." if directed else ""
        if agreed:
            named = listed([f"{answer.change} ({answer.effect.sense})" for answer in agreed])
            rest = f"All seeds agree on {named}, but with too few seeds for how they scatter."
            lead = f"{lead} {rest}" if lead else f"{self.title}: {rest[0].lower()}{rest[1:]}"
        if all(answer.effect.grade is Grade.IDENTICAL for answer in self.answers):
            return f"{self.title}: every change left it as it was, in every seed."
        if not lead:
            lead = f"{self.title}: no change has a likely effect."
        return " ".join([lead, *_others(others, has_directed=bool(directed or agreed))])


_DIRECTED = {
    Outcome.BETTER: "clearly better",
    Outcome.WORSE: "clearly worse",
    Outcome.CHANGED: "clearly different",
    Outcome.LIKELY_BETTER: "likely better",
    Outcome.LIKELY_WORSE: "likely worse",
    Outcome.LIKELY_CHANGED: "likely different",
}
_UNDIRECTED = {
    Outcome.EQUAL: "made no difference that matters",
    Outcome.CANDIDATE: "rested on one seed",
    Outcome.UNCLEAR: "{} unclear",
    Outcome.UNSEEN: "could not be seen with this design",
    Outcome.NO_VALUE: "could not be compared",
}


def _others(counts: Sequence[tuple[int, str]], *, has_directed: bool) -> Iterator[str]:
    """A sentence on the changes without a direction, if there are any."""
    total = sum(count for count, _ in counts)
    if not counts:
        return
    phrases = [(count, phrase.format("was" if count == 1 else "were")) for count, phrase in counts]
    if len(phrases) == 1:
        several = {1: "The only change", 2: "Both changes"}.get(total, f"All {total} changes")
        other = "The other change" if total == 1 else f"The other {total} changes"
        yield f"{other if has_directed else several} {phrases[0][1]}."
    else:
        tail = listed([f"{count} {phrase}" for count, phrase in phrases])
        yield f"Of the {'other ' if has_directed else ''}{total} changes, {tail}."


def answers_on(effects: Sequence[Effect], metrics: Iterable[str]) -> list[MetricAnswers]:
    """What the changes did to each of these metrics.

    Left out are metrics that no run has, and changes that cannot move a metric.
    """
    found = []
    for metric in metrics:
        possible = [effect for effect in effects if effect.metric == metric and effect.is_possible]
        answers = tuple(map(answer_on, sorted(possible, key=lambda effect: -effect.size)))
        if answers:
            found.append(MetricAnswers(metric, metric_title(metric), metric_direction(metric), answers))
    return found


def answer_on(effect: Effect) -> Answer:
    """The effect with its change and outcome in words."""
    label = " ".join(change_label(effect.parameter, effect.value, effect.tuning).split())
    return Answer(label, _outcome(effect), effect)


def _outcome(effect: Effect) -> Outcome:
    is_clear = effect.grade is Grade.CLEAR
    if not is_clear and effect.grade is not Grade.LIKELY:
        return _OUTCOMES[effect.grade]
    if effect.sense.is_good:
        return Outcome.BETTER if is_clear else Outcome.LIKELY_BETTER
    if effect.sense.is_bad:
        return Outcome.WORSE if is_clear else Outcome.LIKELY_WORSE
    return Outcome.CHANGED if is_clear else Outcome.LIKELY_CHANGED
