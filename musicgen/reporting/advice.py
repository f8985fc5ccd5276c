"""What follows from the answers: the best settings so far, and what to try next."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from musicgen.config import Change, config_from_dict
from musicgen.effects.answers import Answer, MetricAnswers, Outcome, answers_on
from musicgen.effects.differences import COMBINED
from musicgen.effects.effect import PLAIN
from musicgen.effects.trades import headline_trades
from musicgen.errors import InputError
from musicgen.metrics.registry import metric_words
from musicgen.records.command import train_command
from musicgen.records.naming import drop_overrides, level_of, override_text, shown_change
from musicgen.reporting.study_data import StudyData
from musicgen.search.trials import goal
from musicgen.system.words import brief, listed

Costs = Mapping[str, Sequence[str]]
"""Change -> why it is not recommended."""
_BETTER = (Outcome.BETTER, Outcome.LIKELY_BETTER)
_MIN_SEEDS = 3
_AFTER_PROGRAM = 3
"""Words of a command before its options: python -m musicgen.train."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to try next."""

    words: str
    command: str
    """"" if no command says it."""


def best_settings(study: StudyData) -> list[str]:
    """For each primary metric, the settings to use, and those that are better at a price."""
    sentences = []
    best = study.search.best if study.search else None
    if study.search and best is not None and best.values is not None:
        settings = [shown_change(name, value) for name, value in best.levels.items()]
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
    costs = _costs(study)
    for found in answers_on(study.effects, study.primary_metrics):
        words = metric_words(found.metric)
        better = [answer for outcome in _BETTER for answer in found.of(outcome)]
        free = [answer for answer in better if not costs[answer.change]]
        if free:
            settings = [f"{answer.change} ({answer.effect.grade}: {answer.difference})" for answer in free]
            sentences.append(f"Better for {words}, and no headline metric gets worse: {listed(settings)}.")
        sentences += [
            f"{answer.change} is {'clearly' if answer.outcome is Outcome.BETTER else 'likely'} better for "
            f"{words} ({answer.difference}), but not recommended: {listed(costs[answer.change])}."
            for answer in better
            if costs[answer.change]
        ]
        if not better:
            sentences.append(_nothing_better(found, words, costs))
    return sentences


def _nothing_better(found: MetricAnswers, words: str, costs: Costs) -> str:
    gaining = [answer for answer in found.answers if answer.effect.gain > 0 and not costs[answer.change]]
    if not gaining:
        return f"No setting beats the baseline in {words} without a price elsewhere."
    answer = max(gaining, key=lambda answer: answer.effect.gain)
    return (
        f"No setting is likely better than the baseline in {words}; {answer.change} had the best mean "
        f"({answer.difference}; seeds that agree: {answer.agreement}), which could be chance."
    )


def _costs(study: StudyData) -> Costs:
    found = headline_trades(study.effects, study.primary_metrics, study.paired.runs)
    return {trade.change: trade.costs for trade in found}


def what_to_try_next(study: StudyData) -> list[Advice]:
    """What to confirm, what to repeat with more seeds, where to look further, and what is missing."""
    found, costs = answers_on(study.effects, study.primary_metrics), _costs(study)
    advice = [
        *_to_confirm(found, costs, study),
        *_largest_unclear(found, costs, study),
        *_further_out(found, costs, study),
        *_combine_winners(found, costs, study),
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
        command = f"python -m musicgen.train --multirun model.cell=lstm,gru seed={_fresh_seeds(study, 3)}"
        advice.append(Advice(words, command))
    if not study.ratings:
        words = "Listen: the tunes of this study have not been rated yet, and numbers cannot judge music."
        advice.append(Advice(words, f"python -m musicgen.listen {study.address}"))
    return advice


def _to_confirm(found: Sequence[MetricAnswers], costs: Costs, study: StudyData) -> list[Advice]:
    """The largest improvement that is likely, or rests on one seed, and has no price."""
    for outcome in (Outcome.LIKELY_BETTER, Outcome.CANDIDATE):
        for answers in found:
            hopeful = [
                answer
                for answer in answers.of(outcome)
                if answer.effect.gain > 0 and not costs[answer.change]
            ]
            if hopeful:
                answer = max(hopeful, key=lambda answer: answer.effect.gain)
                metric = metric_words(answer.effect.metric)
                words = (
                    f"Confirm {answer.change} with fresh seeds: {metric} {answer.effect.answer}. "
                    "Seeds that chose a change flatter it."
                )
                return [Advice(words, _command(study, answer, num_seeds=_MIN_SEEDS))]
    return []


def _largest_unclear(found: Sequence[MetricAnswers], costs: Costs, study: StudyData) -> list[Advice]:
    """The unclear effect that is largest for its spread between seeds; an improvement if there is one."""
    unclear = [
        answer
        for answers in found
        for outcome in (Outcome.UNCLEAR, Outcome.UNSEEN)
        for answer in answers.of(outcome)
        if answer.effect.spread > 0 and answer.effect.size > 0
    ]
    if not unclear:
        return []
    hopeful = [answer for answer in unclear if answer.effect.gain > 0 and not costs[answer.change]]
    answer = max(hopeful or unclear, key=lambda answer: answer.effect.size / answer.effect.spread)
    num_seeds = 2 * max(_MIN_SEEDS, int(answer.effect.num_seeds))
    words = (
        f"Still open is {answer.change} on {metric_words(answer.effect.metric)}: {answer.effect.answer}. "
        f"Run that change alone with {num_seeds} fresh seeds: more seeds and fewer tests both help."
    )
    return [Advice(words, _command(study, answer, num_seeds=num_seeds))]


def _further_out(found: Sequence[MetricAnswers], costs: Costs, study: StudyData) -> list[Advice]:
    """The best clear improvement without a price, if it is at the end of its range."""
    for answers in found:
        for answer in answers.of(Outcome.BETTER):
            beyond = _level_beyond(answer, study)
            if beyond is not None and not costs[answer.change]:
                words = (
                    f"The most promising parameter is {answer.effect.parameter}. {answer.change} is the most "
                    f"extreme level tried and clearly better for {metric_words(answer.effect.metric)} "
                    f"({answer.difference}): try one further out."
                )
                return [Advice(words, _command(study, answer, num_seeds=_MIN_SEEDS, level=beyond))]
    return []


def _level_beyond(answer: Answer, study: StudyData) -> int | float | None:
    """A level as far beyond this one as this one is from the baseline.

    None unless this one is the outermost and the config allows one beyond it.
    """
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
    exact = level * level / base
    further = max(1, round(exact)) if isinstance(level, int) else float(f"{exact:.3g}")
    return further if further != level and _is_allowed(change.parameter, further) else None


def _is_allowed(parameter: str, level: float) -> bool:
    values: object = level
    for name in reversed(parameter.split(".")):
        values = {name: values}
    assert isinstance(values, dict)
    try:
        config_from_dict(values)
    except InputError as error:
        # The fields that are missing here are named as well.
        return not any(problem.startswith(f"{parameter}=") for problem in str(error).split("; "))
    return True


def _combine_winners(found: Sequence[MetricAnswers], costs: Costs, study: StudyData) -> list[Advice]:
    better = {
        str(one.effect.parameter)
        for answers in found
        for one in answers.of(Outcome.BETTER)
        if not costs[one.change]
    }
    was_tried = any(arm.change and arm.change.parameter == COMBINED for arm in study.paired.arms)
    if len(better) < 2 or was_tried:
        return []
    command = next((command for command in study.commands if "--multirun" in command), "")
    words = f"Several parameters help on their own ({listed(sorted(better))}): run the winners together."
    if not command:
        return [Advice(words, "")]
    seeds = _fresh_seeds(study, max(_MIN_SEEDS, len(study.paired.baseline.runs)))
    overrides = drop_overrides(shlex.split(command)[_AFTER_PROGRAM:], "seed")
    return [Advice(words, train_command([*overrides, f"seed={seeds}", "study.combine=true"]))]


def _fresh_seeds(study: StudyData, number: int) -> str:
    """Return this many seeds that no run of the study has used, as an override's value."""
    first = 1 + max((run.record.seed for run in study.all_runs), default=-1)
    return ",".join(map(str, range(first, first + number)))


def _command(study: StudyData, answer: Answer, *, num_seeds: int, level: object = None) -> str:
    """Compare one change, or another `level` of it, with this study's baseline, on fresh seeds.

    Returns "" if no override says it.
    """
    change = _change_of(answer, study)
    if change is None or change.parameter == COMBINED or answer.effect.tuning != PLAIN:
        return ""
    levels = (change.baseline_value, change.value if level is None else level)
    choice = ",".join(override_text(one) for one in levels)
    seeds = f"seed={_fresh_seeds(study, num_seeds)}"
    overrides = [*_baseline_overrides(study), f"{change.parameter}={choice}", seeds]
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
