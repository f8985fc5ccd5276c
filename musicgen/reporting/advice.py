"""What follows from the answers: the best settings so far, and what to try next."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from musicgen.config import Change
from musicgen.effects.differences import COMBINED
from musicgen.effects.effect import PLAIN, level_of, shown_level
from musicgen.effects.verdict import metric_words
from musicgen.records.command import train_command
from musicgen.records.naming import drop_overrides, override_text
from musicgen.reporting.answers import Answer, MetricAnswers, Outcome, answers_on
from musicgen.reporting.study_data import StudyData
from musicgen.search.trials import goal
from musicgen.system.words import brief, listed


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to try next."""

    words: str
    command: str
    """"" if no command says it."""


def best_settings(study: StudyData) -> list[str]:
    """For each primary metric, the settings shown to be better, if any."""
    sentences = []
    best = study.search.best if study.search else None
    if study.search and best is not None and best.values is not None:
        settings = [f"{name} = {shown_level(level_of(value))}" for name, value in best.levels.items()]
        sentences.append(
            f"The {goal(study.search.objectives[0])} of the search, {brief(best.values[0])}, came with "
            f"{listed(settings)}."
        )
    elif study.search and study.search.front:
        goals = listed([goal(one) for one in study.search.objectives])
        numbers = listed([str(trial.number) for trial in study.search.front])
        sentences.append(
            f"No trial of the search has the {goals} at once; the best compromises are the trials on the "
            f"Pareto front: {numbers}."
            if len(study.search.front) > 1
            else f"Trial {numbers} of the search has the {goals}."
        )
    for found in answers_on(study, study.primary_metrics):
        words = metric_words(found.metric)
        better = found.of(Outcome.BETTER)
        if better:
            settings = [f"{answer.change} ({answer.difference})" for answer in better]
            sentences.append(f"Clearly better for {words}: {listed(settings)}.")
            continue
        gaining = [answer for answer in found.answers if answer.effect.gain > 0]
        answer = max(gaining, key=lambda answer: answer.effect.gain, default=None)
        if answer is not None:
            sentences.append(
                f"No setting clearly beats the baseline in {words}; {answer.change} had the best mean "
                f"({answer.difference}), which could be chance with these seeds."
            )
        else:
            sentences.append(f"No setting beats the baseline in {words}.")
    return sentences


def what_to_try_next(study: StudyData) -> list[Advice]:
    """Follow-ups on the largest inconclusive effect and the most promising parameter, and what is missing."""
    found = answers_on(study, study.primary_metrics)
    advice = [
        *_largest_inconclusive(found, study),
        *_most_promising(found, study),
        *_combine_winners(found, study),
    ]
    if study.failures:
        words = "Some runs did not complete: run the same command again to finish them."
        advice.insert(0, Advice(words, ""))
    if study.search:
        words = (
            "A search finds good values but not why they are good: compare its best setting with the "
            "baseline, one change at a time and with three seeds."
        )
        advice.append(Advice(words, ""))
    elif not study.has_changes:
        words = "Change one thing and run three seeds, so that there is something to compare."
        advice.append(Advice(words, "python -m musicgen.train --multirun model.cell=lstm,gru seed=0,1,2"))
    if not study.ratings:
        words = "Listen: the tunes of this study have not been rated yet, and numbers cannot judge music."
        advice.append(Advice(words, f"python -m musicgen.listen {study.address}"))
    return advice


def _largest_inconclusive(found: Sequence[MetricAnswers], study: StudyData) -> list[Advice]:
    """The inconclusive effect that is largest relative to what the design could detect."""
    ranked = [
        (abs(answer.effect.difference) / answer.effect.minimum_detectable_effect, answer)
        for answers in found
        for answer in answers.of(Outcome.INCONCLUSIVE)
        if answer.effect.minimum_detectable_effect > 0 and answer.effect.difference != 0
    ]
    if not ranked:
        return []
    _, answer = max(ranked, key=lambda pair: pair[0])
    detectable = brief(answer.effect.minimum_detectable_effect)
    words = (
        f"The largest inconclusive effect is {answer.change} on {metric_words(answer.effect.metric)}: "
        f"{answer.difference}. {answer.effect.num_seeds} seeds only detect effects of {detectable} or more. "
        "Run that change alone with twice the seeds: more seeds and fewer tests both help."
    )
    return [Advice(words, _command(study, answer, num_seeds=2 * max(3, int(answer.effect.num_seeds))))]


def _most_promising(found: Sequence[MetricAnswers], study: StudyData) -> list[Advice]:
    """The best clear improvement at the end of its range, or else the best candidate."""
    for answers in found:
        for answer in answers.of(Outcome.BETTER):
            beyond = _level_beyond(answer, study)
            if beyond is not None:
                words = (
                    f"The most promising parameter is {answer.effect.parameter}. {answer.change} is the most "
                    f"extreme level tried and the best for {metric_words(answer.effect.metric)} "
                    f"({answer.difference}): try one further out."
                )
                return [Advice(words, _command(study, answer, num_seeds=3, level=beyond))]
    for answers in found:
        candidates = [answer for answer in answers.of(Outcome.CANDIDATE) if answer.effect.gain > 0]
        if candidates:
            answer = max(candidates, key=lambda answer: answer.effect.gain)
            words = (
                f"The most promising change is {answer.change}: {answer.difference} in "
                f"{metric_words(answer.effect.metric)}, from too little data. Confirm it with fresh seeds."
            )
            return [Advice(words, _command(study, answer, num_seeds=3))]
    return []


def _level_beyond(answer: Answer, study: StudyData) -> int | float | None:
    """A level as far beyond this one as this one is from the baseline; None unless it is the outermost."""
    change = _change_of(answer, study)
    if change is None:
        return None
    changes = (arm.change for arm in study.paired.arms if arm.change is not None)
    levels = [one.value for one in changes if one.parameter == change.parameter] + [change.baseline_value]
    numbers = [level for level in levels if isinstance(level, (int, float)) and level > 0]
    level, base = change.value, change.baseline_value
    if len(numbers) < len(levels) or level not in (min(numbers), max(numbers)):
        return None
    assert isinstance(level, (int, float)) and isinstance(base, (int, float))
    further = level * level / base
    return max(1, round(further)) if isinstance(level, int) else float(f"{further:.3g}")


def _combine_winners(found: Sequence[MetricAnswers], study: StudyData) -> list[Advice]:
    better = {str(one.effect.parameter) for answers in found for one in answers.of(Outcome.BETTER)}
    was_tried = any(arm.change and arm.change.parameter == COMBINED for arm in study.paired.arms)
    if len(better) < 2 or was_tried:
        return []
    command = next((command for command in study.commands if "--multirun" in command), "")
    words = f"Several parameters help on their own ({listed(sorted(better))}): run the winners together."
    return [Advice(words, f"{command} study.combine=true" if command else "")]


def _command(study: StudyData, answer: Answer, *, num_seeds: int, level: object = None) -> str:
    """Compare one change, or another `level` of it, with this study's baseline, with seeds from 0 on.

    Returns "" if no override says it.
    """
    change = _change_of(answer, study)
    if change is None or change.parameter == COMBINED or answer.effect.tuning != PLAIN:
        return ""
    levels = (change.baseline_value, change.value if level is None else level)
    choice = ",".join(override_text(one) for one in levels)
    seeds = ",".join(map(str, range(num_seeds)))
    overrides = [*_baseline_overrides(study), f"{change.parameter}={choice}", f"seed={seeds}"]
    return train_command(["--multirun", *overrides])


def _change_of(answer: Answer, study: StudyData) -> Change | None:
    parameter, value = answer.effect.parameter, answer.effect.value
    changes = (arm.change for arm in study.paired.arms if arm.change is not None)
    return next(
        (one for one in changes if one.parameter == parameter and level_of(one.value) == level_of(value)),
        None,
    )


def _baseline_overrides(study: StudyData) -> list[str]:
    """The overrides of the baseline's own command, without its seed and output folders."""
    runs = study.paired.baseline.runs
    words = shlex.split(runs[0].record.command) if runs else []
    overrides = words[words.index("musicgen.train") + 1 :] if "musicgen.train" in words else []
    return [text for text in dict.fromkeys(drop_overrides(overrides, "paths", "seed")) if "=" in text]
