"""What follows from the answers: which settings are best so far, and what to try next."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from musicgen.config import Change
from musicgen.effects.differences import COMBINED
from musicgen.effects.effect import PLAIN, level_of, shown_level
from musicgen.effects.verdict import metric_words
from musicgen.records.command import train_command
from musicgen.records.naming import override_text, told_overrides
from musicgen.reporting.answers import Answer, MetricAnswers, Outcome, answers_on, improvement, listed
from musicgen.reporting.material import Material
from musicgen.system.words import brief


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to try next."""

    words: str
    command: str
    """Empty where there is none."""


def best_settings(material: Material) -> list[str]:
    """For each primary metric the settings that are shown to be better, or that nothing is."""
    sentences = []
    best = material.search.best if material.search else None
    if best is not None and best.loss is not None:
        settings = [f"{name} = {shown_level(level_of(value))}" for name, value in best.levels.items()]
        sentences.append(
            f"The lowest validation loss of the search, {brief(best.loss)}, came with {listed(settings)}."
        )
    for found in answers_on(material, material.primary_metrics):
        words = metric_words(found.metric)
        better = found.of(Outcome.BETTER)
        if better:
            settings = [f"{answer.change} ({answer.difference})" for answer in better]
            sentences.append(f"Best for {words}, beyond doubt: {listed(settings)}.")
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
        advice.insert(
            0, Advice("Some runs did not complete: the same command goes on where they stopped.", "")
        )
    if material.search:
        words = (
            "A search says what is low and not why: run its best setting against the baseline, one change at "
            "a time and with three seeds."
        )
        advice.append(Advice(words, ""))
    elif not material.has_changes:
        words = "Change one thing and run three seeds, so that there is something to compare."
        advice.append(Advice(words, "python -m musicgen.train --multirun model.cell=lstm,gru seed=0,1,2"))
    if not material.ratings:
        words = "Listen: no tune of this study was rated, and no number here has heard the music."
        advice.append(Advice(words, f"python -m musicgen.listen {material.address}"))
    return advice


def _largest_undecided(found: Sequence[MetricAnswers], material: Material) -> list[Advice]:
    """The undecided effect that is largest beside what the design could have seen."""
    ranked = [
        (abs(answer.row.difference) / answer.row.minimum_detectable_effect, answer)
        for answers in found
        for answer in answers.of(Outcome.UNDECIDED)
        if answer.row.minimum_detectable_effect > 0 and answer.row.difference != 0
    ]
    if not ranked:
        return []
    _, answer = max(ranked, key=lambda pair: pair[0])
    detectable = brief(answer.row.minimum_detectable_effect)
    words = (
        f"The largest undecided effect: {answer.change} on {metric_words(answer.metric)}, "
        f"{answer.difference}; with {answer.row.num_seeds} seeds only {detectable} or more would show. "
        "Run that change alone with twice the seeds: fewer tests and more seeds both sharpen it."
    )
    return [Advice(words, _command(material, answer, seeds=2 * max(3, int(answer.row.num_seeds))))]


def _most_promising(found: Sequence[MetricAnswers], material: Material) -> list[Advice]:
    """The best of the shown improvements of a number, where no level beyond it was tried."""
    for answers in found:
        for answer in answers.of(Outcome.BETTER):
            beyond = _level_beyond(answer, material)
            if beyond is not None:
                words = (
                    f"The most promising parameter: {answer.row.parameter}. {answer.change} is the last "
                    f"level tried, and the best for {metric_words(answer.metric)} ({answer.difference}); "
                    "beyond it nothing is known."
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
    better = {str(one.row.parameter) for answers in found for one in answers.of(Outcome.BETTER)}
    tried = any(arm.change and arm.change.parameter == COMBINED for arm in material.star.arms)
    if len(better) < 2 or tried:
        return []
    command = next((command for command in material.commands if "--multirun" in command), "")
    words = f"Several parameters help one by one ({listed(sorted(better))}): run the winners together."
    return [Advice(words, f"{command} study.combine=true" if command else "")]


def _command(material: Material, answer: Answer, *, seeds: int, level: object = None) -> str:
    """One change against this study's baseline, with the seeds from 0; empty where no override says it.

    level: another one than the answer's.
    """
    change = _change_of(answer, material)
    if change is None or change.parameter == COMBINED or answer.row.tuning != PLAIN:
        return ""
    levels = (change.baseline_value, change.value if level is None else level)
    choice = ",".join(override_text(one) for one in levels)
    overrides = [
        *_baseline_overrides(material),
        f"{change.parameter}={choice}",
        f"seed={','.join(map(str, range(seeds)))}",
    ]
    return train_command(["--multirun", *overrides])


def _change_of(answer: Answer, material: Material) -> Change | None:
    row = answer.row
    changes = (arm.change for arm in material.star.arms if arm.change is not None)
    return next(
        (
            change
            for change in changes
            if change.parameter == row.parameter and level_of(change.value) == level_of(row.value)
        ),
        None,
    )


def _baseline_overrides(material: Material) -> list[str]:
    """What the baseline's own command says, but where it is kept and which seed it has."""
    runs = material.star.baseline.runs
    words = shlex.split(runs[0].record.command) if runs else []
    overrides = words[words.index("musicgen.train") + 1 :] if "musicgen.train" in words else []
    return [text for text in dict.fromkeys(told_overrides(overrides, "paths", "seed")) if "=" in text]
