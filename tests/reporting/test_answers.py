from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from musicgen.reporting.advice import best_settings, what_to_try_next
from musicgen.reporting.answers import Outcome, answers_on
from musicgen.reporting.study_data import StudyData, read_study
from tests.records.made_runs import LOSS, RATE, made_run
from tests.reporting.written_study import REFERENCE, write_run

REPEAT = "structure/lag_repeat"


def study_of(root: Path, values: dict[float, list[float]], metric: str, seeds: int = 5) -> StudyData:
    """A study of learning rates: level -> one value of the metric per seed; 0.005 is the baseline."""
    declared = {"primary_metrics": [metric], "equivalence_margin": {LOSS: 0.02}}
    for level, column in values.items():
        change = None if level == 0.005 else ("training.learning_rate", level, 0.005)
        for seed, value in enumerate(column[:seeds]):
            run = made_run(
                f"{level}/seed={seed}",
                seed=seed,
                overrides={"training.learning_rate": level},
                change=change,
                metrics={metric: value},
                study=declared,
            )
            run.record.reference = REFERENCE
            run.record.command = f"python -m musicgen.train training=smoke paths.outputs=/tmp/x seed={seed}"
            write_run(run, root)
    return read_study([root])


def spread(middle: float) -> list[float]:
    return [middle + 0.001 * step for step in (-2, 1, 0, 2, -1)]


BASE = [1.5, 1.51, 1.49, 1.52, 1.5]


def shifted(by: float) -> list[float]:
    return [value + by + noise for value, noise in zip(BASE, (0.001, -0.001, 0.002, 0, -0.002), strict=True)]


def test_better_and_worse_follow_the_metrics_direction(tmp_path: Path) -> None:
    study = study_of(
        tmp_path, {0.005: BASE, 0.02: shifted(-0.2), 0.001: shifted(0.2), 0.004: shifted(0.001)}, LOSS
    )
    (found,) = answers_on(study, [LOSS])
    outcomes = {answer.change.rpartition("=")[2]: answer.outcome for answer in found.answers}
    assert outcomes == {"0.02": Outcome.BETTER, "0.001": Outcome.WORSE, "0.004": Outcome.EQUAL}
    assert found.sentence == (
        "Validation loss is better with learning_rate=0.02; it is worse with "
        "learning_rate=0.001. The other change made no difference that matters."
    )


def test_closer_to_the_corpus_is_better_where_it_is_the_target(tmp_path: Path) -> None:
    # The corpus has 0.2, so from 0.3 on lower is better, down to 0.1.
    levels = {0.005: spread(0.3), 0.02: spread(0.22)[::-1], 0.001: spread(0.4)[::-1]}
    (found,) = answers_on(study_of(tmp_path, levels, REPEAT), [REPEAT])
    outcomes = {answer.change.rpartition("=")[2]: answer.outcome for answer in found.answers}
    assert outcomes == {"0.02": Outcome.BETTER, "0.001": Outcome.WORSE}


def test_as_far_on_the_other_side_of_the_corpus_is_not_better(tmp_path: Path) -> None:
    (found,) = answers_on(
        study_of(tmp_path, {0.005: spread(0.3), 0.02: spread(0.1003)[::-1]}, REPEAT), [REPEAT]
    )
    assert [answer.outcome for answer in found.answers] == [Outcome.CHANGED]
    assert found.sentence == "Lag repeat is different with learning_rate=0.02."


def test_one_seed_gives_a_candidate_to_confirm(tmp_path: Path) -> None:
    study = study_of(tmp_path, {0.005: BASE, 0.02: shifted(-0.2)}, LOSS, seeds=1)
    (found,) = answers_on(study, [LOSS])
    assert [answer.outcome for answer in found.answers] == [Outcome.CANDIDATE]
    assert found.sentence.startswith("No change clearly affected validation loss.")
    assert any("Confirm it with fresh seeds" in advice.words for advice in what_to_try_next(study))


def test_a_winner_at_the_end_of_the_range_asks_for_a_further_level(tmp_path: Path) -> None:
    study = study_of(tmp_path, {0.005: BASE, 0.02: shifted(-0.2), 0.001: shifted(0.2)}, LOSS)
    assert best_settings(study)[0].startswith("Clearly better for validation loss: learning_rate=0.02")
    advice = next(advice for advice in what_to_try_next(study) if "most promising" in advice.words)
    assert advice.command == (
        "python -m musicgen.train --multirun training=smoke training.learning_rate=0.005,0.08 seed=0,1,2"
    )


def test_a_winner_between_other_levels_asks_for_none(tmp_path: Path) -> None:
    study = study_of(tmp_path, {0.005: BASE, 0.02: shifted(-0.2), 0.04: shifted(0.2)}, LOSS)
    assert not any("most promising" in advice.words for advice in what_to_try_next(study))


def test_the_largest_inconclusive_effect_comes_with_a_command(tmp_path: Path) -> None:
    noisy = [value + noise for value, noise in zip(BASE, (0.3, -0.2, 0.25, 0.0, 0.1), strict=True)]
    study = study_of(tmp_path, {0.005: BASE, 0.02: noisy, 0.04: [value - 0.001 for value in noisy]}, LOSS)
    advice = next(advice for advice in what_to_try_next(study) if "largest inconclusive" in advice.words)
    assert "learning_rate=0.02 on validation loss" in advice.words
    words = advice.command.split()
    assert words[:4] == ["python", "-m", "musicgen.train", "--multirun"]
    overrides = OverridesParser.create().parse_overrides(words[4:])
    assert [override.key_or_group for override in overrides] == ["training", "training.learning_rate", "seed"]
    assert advice.command.endswith("seed=0,1,2,3,4,5,6,7,8,9")


def test_an_inconclusive_change_does_not_beat_the_baseline(tmp_path: Path) -> None:
    noisy = [value + noise for value, noise in zip(BASE, (0.3, -0.2, 0.25, 0.0, 0.1), strict=True)]
    assert best_settings(study_of(tmp_path, {0.005: BASE, 0.02: noisy}, LOSS)) == [
        "No setting beats the baseline in validation loss."
    ]


def test_changes_with_one_outcome_share_a_sentence(study: StudyData) -> None:
    (found,) = answers_on(study, [RATE])
    assert (
        found.sentence
        == "No change clearly affected sound rate. Both changes made no difference that matters."
    )
