"""Effects in plain words: what each change did to a metric, and how far to trust it."""

import pytest

from musicgen.effects.answers import MARKS, MetricAnswers, Outcome, answers_on
from musicgen.effects.effect import Effect, Grade
from musicgen.effects.pairing import pair_runs
from musicgen.effects.table import effects_table
from tests.effects.made_effects import made_effect
from tests.records.made_runs import LOSS, RATE, made_run, made_study, made_temperatures

REPEAT = "structure/lag_repeat"
BASE = [1.5, 1.51, 1.49, 1.52, 1.5]


def shifted(by: float) -> list[float]:
    return [value + by + noise for value, noise in zip(BASE, (0.001, -0.001, 0.002, 0, -0.002), strict=True)]


def scattered(*noises: float) -> list[float]:
    return [value + noise for value, noise in zip(BASE, noises, strict=True)]


def spread(middle: float) -> list[float]:
    return [middle + 0.001 * step for step in (-2, 1, 0, 2, -1)]


def effects_of(values: dict[float, list[float]], metric: str = LOSS, seeds: int = 5) -> list[Effect]:
    """Effects of learning rates: level -> one value of the metric per seed; 0.005 is the baseline."""
    study = {"primary_metrics": [metric], "equivalence_margin": {LOSS: 0.02}}
    columns = {level: column[:seeds] for level, column in values.items()}
    runs = made_study(columns, metric, study=study)
    for run in runs:
        run.record.reference = {REPEAT: {"mean": 0.2, "sd": 0.02}}
    return effects_table(pair_runs(runs))


def answers_of(values: dict[float, list[float]], metric: str = LOSS, seeds: int = 5) -> MetricAnswers:
    (found,) = answers_on(effects_of(values, metric, seeds), [metric])
    return found


def outcomes(found: MetricAnswers) -> dict[str, Outcome]:
    return {answer.change.rpartition("=")[2]: answer.outcome for answer in found.answers}


def test_better_and_worse_follow_the_metrics_direction() -> None:
    found = answers_of({0.005: BASE, 0.02: shifted(-0.2), 0.001: shifted(0.3), 0.004: shifted(0.001)})
    expected = {"0.001": Outcome.WORSE, "0.02": Outcome.BETTER, "0.004": Outcome.EQUAL}
    assert list(outcomes(found).items()) == list(expected.items())
    assert found.sentence == (
        "Validation loss is clearly better with learning_rate=0.02; clearly worse with "
        "learning_rate=0.001. The other change made no difference that matters."
    )


def test_closer_to_the_corpus_is_better_where_it_is_the_target() -> None:
    # The corpus has 0.2, so from 0.3 on lower is better, down to 0.1.
    levels = {0.005: spread(0.3), 0.02: spread(0.22)[::-1], 0.001: spread(0.4)[::-1]}
    found = answers_of(levels, REPEAT)
    assert outcomes(found) == {"0.02": Outcome.BETTER, "0.001": Outcome.WORSE}
    assert [answer.grade for answer in found.answers] == [
        "clear: farther from real tunes",
        "clear: nearer to real tunes",
    ]


def test_as_far_on_the_other_side_of_the_corpus_is_not_better() -> None:
    found = answers_of({0.005: spread(0.3), 0.02: spread(0.1003)[::-1]}, REPEAT)
    assert [answer.grade for answer in found.answers] == ["clear: lower"]
    assert found.sentence == ("Repeated bars (lag repeat) is clearly different with learning_rate=0.02.")


def test_an_effect_whose_seeds_agree_is_never_just_undecided() -> None:
    levels = {
        0.005: BASE,
        0.01: scattered(0.48, 0.40, 0.56, 0, 0),
        0.02: scattered(0.30, 0.05, 0.10, 0, 0),
        0.03: scattered(0.3, -0.2, 0.25, 0, 0),
        0.04: [0.1, 0.9, 1.2, 0, 0],
        0.06: scattered(0.31, 0.06, 0.11, 0, 0),
        0.07: scattered(0.32, 0.07, 0.12, 0, 0),
    }
    found = answers_of(levels, seeds=3)
    assert outcomes(found)["0.01"] is Outcome.LIKELY_WORSE
    assert outcomes(found)["0.02"] is outcomes(found)["0.03"] is Outcome.UNCLEAR
    assert found.sentence == (
        "Validation loss is likely worse with learning_rate=0.01. All seeds agree on "
        "learning_rate=0.04 (better), learning_rate=0.07 (worse), "
        "learning_rate=0.06 (worse) and learning_rate=0.02 (worse), but with too few "
        "seeds for how they scatter. The other change was unclear."
    )
    sizes = [answer.effect.size for answer in found.answers]
    assert sizes == sorted(sizes, reverse=True)


def test_two_seeds_that_agree_say_nothing() -> None:
    found = answers_of({0.005: BASE, 0.01: scattered(0.3, 0.1, 0, 0, 0)}, seeds=2)
    assert found.sentence == (
        "Validation loss: no change has a likely effect. The only change could not be seen with this design."
    )


def test_a_row_has_values_agreement_and_grade() -> None:
    levels = {0.005: BASE, 0.01: scattered(0.48, 0.30, 0.66, 0, 0), 0.02: scattered(0.3, -0.2, 0.25, 0, 0)}
    first, second = answers_of(levels, seeds=3).answers
    assert (first.values, first.difference) == ("1.50 → 1.98", "+0.48 [+0.03, +0.93]")
    assert (first.agreement, first.grade) == ("3/3", "likely: worse")
    assert (second.agreement, second.grade) == ("2/3", "unclear")


def test_one_seed_says_what_another_may_differ_by() -> None:
    (known, single) = answers_of({0.005: BASE, 0.02: shifted(-0.2), 0.01: [1.52]}).answers
    assert known.grade == "clear: better" and single.outcome is Outcome.CANDIDATE
    assert single.grade == "much worse in one seed: +0.02; another seed may differ by about 0.0016"


def test_a_metric_that_nothing_moved_is_said_in_one_sentence() -> None:
    found = answers_of({0.005: BASE, 0.01: BASE, 0.02: BASE})
    assert found.sentence == "Validation loss: every change left it as it was, in every seed."


def test_a_change_that_cannot_move_a_metric_is_left_out() -> None:
    runs = made_temperatures(lambda _, seed: {LOSS: 1.5 + seed / 10, RATE: 0.5})
    effects = effects_table(pair_runs(runs))
    assert {effect.metric: effect.grade for effect in effects} == {
        LOSS: Grade.IMPOSSIBLE,
        RATE: Grade.IDENTICAL,
    }
    assert [found.metric for found in answers_on(effects, [LOSS, RATE])] == [RATE]


def test_another_length_of_the_same_training_can_move_the_loss() -> None:
    runs = [
        made_run(
            f"s/{length}/seed={seed}",
            seed=seed,
            overrides={"training.num_iterations": length},
            change=None if length == 300 else ("training.num_iterations", length, 300),
            metrics={LOSS: 1.5 + seed / 10},
            training_id=f"t{seed}",
        )
        for length in (300, 600)
        for seed in range(3)
    ]
    assert [effect.grade for effect in effects_table(pair_runs(runs)) if effect.metric == LOSS] == [
        Grade.IDENTICAL
    ]


@pytest.mark.parametrize("grade", Grade)
def test_every_grade_has_an_outcome_and_a_mark(grade: Grade) -> None:
    effects = [made_effect(grade=grade, difference=0.1, gain=0.1, answer="why")]
    found = [answer.outcome for one in answers_on(effects, [LOSS]) for answer in one.answers]
    assert len(found) == (grade is not Grade.IMPOSSIBLE) and set(found) <= set(MARKS)
