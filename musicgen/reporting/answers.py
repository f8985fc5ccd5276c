"""The effects table in plain words: what each change did to each metric."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from musicgen.effects.figures.arms import arm_of
from musicgen.effects.figures.effects import finding_of
from musicgen.effects.figures.style import metric_direction, metric_title
from musicgen.effects.verdict import Finding, decimals, metric_words, signed
from musicgen.metrics.registry import METRICS, Direction

if TYPE_CHECKING:
    from musicgen.reporting.study_data import StudyData

Row = Mapping[str, Any]


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


_OUTCOMES = {
    Finding.EQUIVALENT: Outcome.EQUAL,
    Finding.IDENTICAL: Outcome.EQUAL,
    Finding.UNDECIDED: Outcome.INCONCLUSIVE,
    Finding.CANDIDATE: Outcome.CANDIDATE,
    Finding.UNIFORM: Outcome.CANDIDATE,
    Finding.NO_VALUE: Outcome.NO_VALUE,
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
    metric: str
    outcome: Outcome
    verdict: str
    row: Row

    @property
    def mark(self) -> str:
        """The outcome's sign."""
        return MARKS[self.outcome]

    @property
    def difference(self) -> str:
        """The difference from the baseline, with its interval if there is one."""
        row = self.row
        if math.isnan(row["difference"]):
            return "–"
        if math.isnan(row["ci_low"]):
            return signed(row["difference"])
        places = decimals(row["ci_high"] - row["ci_low"])
        value, low, high = (_rounded(row[name], places) for name in ("difference", "ci_low", "ci_high"))
        return f"{value} [{low}, {high}]"


def _rounded(value: float, places: int) -> str:
    """The number with its sign and a real minus; zero has no sign."""
    text = f"{value:+.{places}f}".replace("-", "−")
    return text if text.strip("+−0.") else text[1:]


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
        return sorted(found, key=lambda answer: -abs(answer.row["difference"]))

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


def _others(counts: Sequence[tuple[int, str]], *, has_decided: bool) -> Iterable[str]:
    """A sentence on the changes without a clear effect, if there are any."""
    total = sum(count for count, _ in counts)
    if not counts:
        return
    phrases = [(count, phrase.format("was" if count == 1 else "were")) for count, phrase in counts]
    if len(phrases) == 1:
        subject = "change" if total == 1 else f"{total} changes"
        which = (
            f"The other {subject}"
            if has_decided
            else f"The one {subject}"
            if total == 1
            else f"All {subject}"
        )
        yield f"{which} {phrases[0][1]}."
    else:
        tail = listed([f"{count} {phrase}" for count, phrase in phrases])
        yield f"Of the {'other ' if has_decided else ''}{total} changes, {tail}."


def answers_on(study: "StudyData", metrics: Iterable[str]) -> list[MetricAnswers]:
    """What the changes did to each of these metrics; metrics that no run has are left out."""
    rows: Sequence[Row] = study.effects.to_dict("records")
    found = []
    for metric in metrics:
        answers = tuple(_answer(row, study) for row in rows if row["metric"] == metric)
        if answers:
            found.append(MetricAnswers(metric, metric_title(metric), metric_direction(metric), answers))
    return found


def _answer(row: Row, study: "StudyData") -> Answer:
    arm = arm_of(row)
    assert arm is not None
    label = " ".join(arm.label.split())
    return Answer(label, row["metric"], _outcome(row, study), str(row["verdict"]), row)


def _outcome(row: Row, study: "StudyData") -> Outcome:
    finding = finding_of(row)
    if finding is not Finding.EFFECT:
        return _OUTCOMES[finding]
    gain = improvement(row, study)
    if gain is None or gain == 0:
        return Outcome.CHANGED
    return Outcome.BETTER if gain > 0 else Outcome.WORSE


def improvement(row: Row, study: "StudyData") -> float | None:
    """By how much the change improves the metric; negative if worse, None if neither makes sense."""
    metric = METRICS.get(row["metric"])
    if metric is None or math.isnan(row["difference"]):
        return None
    if metric.direction is Direction.CORPUS:
        known = [run.record.reference.get(metric.name) for run in study.star.runs]
        target = next((reference["mean"] for reference in known if reference is not None), None)
        return None if target is None else abs(row["baseline_mean"] - target) - abs(row["mean"] - target)
    return row["difference"] if metric.direction is Direction.HIGHER else -row["difference"]


def listed(parts: Sequence[str]) -> str:
    """Such as "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
