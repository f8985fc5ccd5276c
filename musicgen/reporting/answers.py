"""The effects table in plain words: what each change did, what is best so far, what to try next."""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from musicgen.metrics.registry import METRICS, Direction
from musicgen.reporting.material import Material
from musicgen.study.effect_figures import finding_of
from musicgen.study.effects import PLAIN
from musicgen.study.figure_arms import arm_of, level_of
from musicgen.study.figure_style import metric_direction, metric_title
from musicgen.study.naming import override_text, told_overrides
from musicgen.study.pairing import COMBINED, Change
from musicgen.study.verdict import Finding, brief, decimals, metric_words, signed

Row = Mapping[str, Any]


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
    Finding.EQUIVALENT: Outcome.EQUAL,
    Finding.IDENTICAL: Outcome.EQUAL,
    Finding.UNDECIDED: Outcome.UNDECIDED,
    Finding.CANDIDATE: Outcome.CANDIDATE,
    Finding.UNIFORM: Outcome.CANDIDATE,
    Finding.NO_VALUE: Outcome.NOTHING,
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
    row: Row

    @property
    def mark(self) -> str:
        """The outcome's sign."""
        return MARKS[self.outcome]

    @property
    def difference(self) -> str:
        """With its interval, where it has one."""
        row = self.row
        if math.isnan(row["difference"]):
            return "–"
        if math.isnan(row["ci_low"]):
            return signed(row["difference"])
        places = decimals(row["ci_high"] - row["ci_low"])
        value, low, high = (_rounded(row[name], places) for name in ("difference", "ci_low", "ci_high"))
        return f"{value} [{low}, {high}]"


def _rounded(value: float, places: int) -> str:
    """With its sign, a real minus; zero has none."""
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
        """The answers with this outcome, the largest difference first."""
        found = [answer for answer in self.answers if answer.outcome is outcome]
        return sorted(found, key=lambda answer: -abs(answer.row["difference"]))

    @property
    def groups(self) -> list[tuple[Outcome, list[Answer]]]:
        """The outcomes that there are, each with its answers."""
        return [(outcome, found) for outcome in Outcome if (found := self.of(outcome))]

    @property
    def sentence(self) -> str:
        """What became of the metric, in words."""
        words = metric_words(self.metric)
        decided = [
            f"{adjective} with {_listed([answer.change for answer in found])}"
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
                (Outcome.CANDIDATE, "rest on one seed or on too little spread"),
                (Outcome.UNDECIDED, "stayed undecided"),
                (Outcome.NOTHING, "could not be compared"),
            )
            if self.of(outcome)
        }
        if not decided and len(rest) == 1:
            (phrase,) = rest
            every = f"All {len(self.answers)} changes" if len(self.answers) > 1 else "The one change"
            return f"Nothing moved {words} beyond doubt. {every} {phrase}."
        lead = f"{words.capitalize()} is {'; it is '.join(decided)}." if decided else (
            f"Nothing moved {words} beyond doubt."
        )
        tail = _listed([f"{count} {phrase}" for phrase, count in rest.items()])
        return f"{lead} Of {'the other' if decided else 'the'} {sum(rest.values())} changes, {tail}." if rest else lead


def answers_on(material: Material, metrics: Iterable[str]) -> list[MetricAnswers]:
    """What the changes did to each of these metrics, where any run has it."""
    rows: Sequence[Row] = material.effects.to_dict("records")
    found = []
    for metric in metrics:
        answers = tuple(_answer(row, material) for row in rows if row["metric"] == metric)
        if answers:
            found.append(MetricAnswers(metric, metric_title(metric), metric_direction(metric), answers))
    return found


def _answer(row: Row, material: Material) -> Answer:
    arm = arm_of(row)
    assert arm is not None
    label = " ".join(arm.label.split())
    return Answer(label, row["metric"], _outcome(row, material), str(row["verdict"]), row)


def _outcome(row: Row, material: Material) -> Outcome:
    finding = finding_of(row)
    if finding is not Finding.EFFECT:
        return _OUTCOMES[finding]
    gain = improvement(row, material)
    if gain is None or gain == 0:
        return Outcome.CHANGED
    return Outcome.BETTER if gain > 0 else Outcome.WORSE


def improvement(row: Row, material: Material) -> float | None:
    """By how much the change makes the metric better; negative for worse, None where that has no meaning."""
    metric = METRICS.get(row["metric"])
    if metric is None or math.isnan(row["difference"]):
        return None
    if metric.direction is Direction.CORPUS:
        known = [run.record.reference.get(metric.name) for run in material.star.runs]
        target = next((reference["mean"] for reference in known if reference is not None), None)
        return None if target is None else abs(row["baseline_mean"] - target) - abs(row["mean"] - target)
    return row["difference"] if metric.direction is Direction.HIGHER else -row["difference"]


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to try next."""

    words: str
    command: str
    """Empty where there is none."""


def best_settings(material: Material) -> list[str]:
    """For each primary metric the settings that are shown to be better, or that nothing is."""
    sentences = []
    for found in answers_on(material, material.primary_metrics):
        words = metric_words(found.metric)
        better = found.of(Outcome.BETTER)
        if better:
            listed = [f"{answer.change} ({answer.difference})" for answer in better]
            sentences.append(f"Best for {words}, beyond doubt: {_listed(listed)}.")
            continue
        gains = [(gain, answer) for answer in found.answers if (gain := improvement(answer.row, material))]
        gain, answer = max(gains, key=lambda pair: pair[0], default=(0.0, None))
        if answer is not None and gain > 0:
            sentences.append(
                f"No setting is shown to beat the baseline in {words}; {answer.change} had the best mean "
                f"({answer.difference}), which these seeds cannot tell from chance."
            )
        else:
            sentences.append(f"No setting beats the baseline in {words}.")
    return sentences


def what_to_try_next(material: Material) -> list[Advice]:
    """The largest undecided effect, the most promising parameter, and what else is missing."""
    found = answers_on(material, material.primary_metrics)
    advice = [
        *_largest_undecided(found, material),
        *_most_promising(found, material),
        *_together(found, material),
    ]
    if material.failures:
        advice.insert(0, Advice("Some runs did not complete: the same command goes on where they stopped.", ""))
    if not material.has_changes:
        words = "Change one thing and run three seeds, so that there is something to compare."
        advice.append(Advice(words, "python -m musicgen.train --multirun model.cell=lstm,gru seed=0,1,2"))
    if not material.ratings:
        words = "Listen: no tune of this study was rated, and no number here has heard the music."
        advice.append(Advice(words, f"python -m musicgen.listen {shlex.quote(material.root.name)}"))
    return advice


def _largest_undecided(found: Sequence[MetricAnswers], material: Material) -> list[Advice]:
    """The undecided effect that is largest beside what the design could have seen."""
    ranked = [
        (abs(answer.row["difference"]) / answer.row["minimum_detectable_effect"], answer)
        for answers in found
        for answer in answers.of(Outcome.UNDECIDED)
        if answer.row["minimum_detectable_effect"] > 0 and answer.row["difference"] != 0
    ]
    if not ranked:
        return []
    _, answer = max(ranked, key=lambda pair: pair[0])
    detectable = brief(answer.row["minimum_detectable_effect"])
    words = (
        f"The largest undecided effect: {answer.change} on {metric_words(answer.metric)}, "
        f"{answer.difference}; with {answer.row['num_seeds']} seeds only {detectable} or more would show. "
        "Run that change alone with twice the seeds: fewer tests and more seeds both sharpen it."
    )
    return [Advice(words, _command(material, answer, seeds=2 * max(3, int(answer.row["num_seeds"]))))]


def _most_promising(found: Sequence[MetricAnswers], material: Material) -> list[Advice]:
    """The best of the shown improvements of a number, where no level beyond it was tried."""
    for answers in found:
        for answer in answers.of(Outcome.BETTER):
            beyond = _level_beyond(answer, material)
            if beyond is not None:
                words = (
                    f"The most promising parameter: {answer.row['parameter']}. {answer.change} is the last level tried, "
                    f"and the best for {metric_words(answer.metric)} ({answer.difference}); beyond it nothing is known."
                )
                return [Advice(words, _command(material, answer, seeds=3, level=beyond))]
    for answers in found:
        candidates = [
            (gain, answer)
            for answer in answers.of(Outcome.CANDIDATE)
            if (gain := improvement(answer.row, material) or 0.0) > 0
        ]
        if candidates:
            _, answer = max(candidates, key=lambda pair: pair[0])
            words = (
                f"The most promising change: {answer.change}, {answer.difference} in "
                f"{metric_words(answer.metric)}, which one seed cannot carry. Confirm it with fresh seeds."
            )
            return [Advice(words, _command(material, answer, seeds=3))]
    return []


def _level_beyond(answer: Answer, material: Material) -> int | float | None:
    """As far again from the baseline's level as this one is, where this one is the outermost number."""
    change = _change_of(answer, material)
    if change is None:
        return None
    arms = (arm.change for arm in material.star.arms if arm.change is not None)
    levels = [one.value for one in arms if one.parameter == change.parameter] + [change.baseline_value]
    numbers = [level for level in levels if isinstance(level, (int, float)) and level > 0]
    level, base = change.value, change.baseline_value
    if len(numbers) < len(levels) or level not in (min(numbers), max(numbers)):
        return None
    assert isinstance(level, (int, float)) and isinstance(base, (int, float))
    further = level * level / base
    return max(1, round(further)) if isinstance(level, int) else float(f"{further:.3g}")


def _together(found: Sequence[MetricAnswers], material: Material) -> list[Advice]:
    better = {str(one.row["parameter"]) for answers in found for one in answers.of(Outcome.BETTER)}
    tried = any(arm.change and arm.change.parameter == COMBINED for arm in material.star.arms)
    if len(better) < 2 or tried:
        return []
    command = next((command for command in material.commands if "--multirun" in command), "")
    words = f"Several parameters help one by one ({_listed(sorted(better))}): run the winners together."
    return [Advice(words, f"{command} study.combine=true" if command else "")]


def _command(material: Material, answer: Answer, *, seeds: int, level: object = None) -> str:
    """One change against this study's baseline, with the seeds from 0; empty where no override says it.

    level: another one than the answer's.
    """
    change = _change_of(answer, material)
    if change is None or change.parameter == COMBINED or answer.row["tuning"] != PLAIN:
        return ""
    levels = (change.baseline_value, change.value if level is None else level)
    choice = ",".join(override_text(one) for one in levels)
    overrides = [
        *_baseline_overrides(material),
        f"{change.parameter}={choice}",
        f"seed={','.join(map(str, range(seeds)))}",
    ]
    return shlex.join(["python", "-m", "musicgen.train", "--multirun", *overrides])


def _change_of(answer: Answer, material: Material) -> Change | None:
    row = answer.row
    changes = (arm.change for arm in material.star.arms if arm.change is not None)
    return next(
        (
            change
            for change in changes
            if change.parameter == row["parameter"] and level_of(change.value) == level_of(row["value"])
        ),
        None,
    )


def _baseline_overrides(material: Material) -> list[str]:
    """What the baseline's own command says, but where it is kept and which seed it has."""
    runs = material.star.baseline.runs
    words = shlex.split(runs[0].record.command) if runs else []
    overrides = words[words.index("musicgen.train") + 1 :] if "musicgen.train" in words else []
    return [text for text in dict.fromkeys(told_overrides(overrides, "paths", "seed")) if "=" in text]


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
