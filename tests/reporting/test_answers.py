from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from musicgen.reporting.advice import best_settings, what_to_try_next
from musicgen.reporting.answers import Outcome, answers_on, listed
from musicgen.reporting.material import Material, gather
from tests.records.made_runs import LOSS, RATE, made_run
from tests.reporting.written_study import REFERENCE, write_run

REPEAT = "structure/lag_repeat"


def study(root: Path, values: dict[float, list[float]], metric: str, seeds: int = 5) -> Material:
    """Learning rates around 0.005 with these values of a metric, a seed each."""
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
    return gather([root])


def spread(middle: float) -> list[float]:
    return [middle + 0.001 * step for step in (-2, 1, 0, 2, -1)]


BASE = [1.5, 1.51, 1.49, 1.52, 1.5]


def shifted(by: float) -> list[float]:
    return [value + by + noise for value, noise in zip(BASE, (0.001, -0.001, 0.002, 0, -0.002), strict=True)]


def test_better_and_worse_follow_the_metric(tmp_path: Path) -> None:
    material = study(
        tmp_path, {0.005: BASE, 0.02: shifted(-0.2), 0.001: shifted(0.2), 0.004: shifted(0.001)}, LOSS
    )
    (found,) = answers_on(material, [LOSS])
    outcomes = {answer.change.rpartition(" ")[2]: answer.outcome for answer in found.answers}
    assert outcomes == {"0.02": Outcome.BETTER, "0.001": Outcome.WORSE, "0.004": Outcome.EQUAL}
    assert found.sentence == (
        "Validation loss is better with training.learning_rate = 0.02; it is worse with "
        "training.learning_rate = 0.001. The other change made no difference that matters."
    )


def test_where_the_corpus_is_the_aim_nearer_is_better(tmp_path: Path) -> None:
    # The corpus has 0.2: from 0.3, lower is better as far as 0.1.
    levels = {0.005: spread(0.3), 0.02: spread(0.22), 0.001: spread(0.4)}
    (found,) = answers_on(study(tmp_path, levels, REPEAT), [REPEAT])
    outcomes = {answer.change.rpartition(" ")[2]: answer.outcome for answer in found.answers}
    assert outcomes == {"0.02": Outcome.BETTER, "0.001": Outcome.WORSE}


def test_one_seed_is_a_candidate_and_the_advice_is_to_confirm_it(tmp_path: Path) -> None:
    material = study(tmp_path, {0.005: BASE, 0.02: shifted(-0.2)}, LOSS, seeds=1)
    (found,) = answers_on(material, [LOSS])
    assert [answer.outcome for answer in found.answers] == [Outcome.CANDIDATE]
    assert found.sentence.startswith("Nothing moved validation loss beyond doubt.")
    assert any("Confirm it with fresh seeds" in advice.words for advice in what_to_try_next(material))


def test_the_best_setting_at_the_edge_asks_for_levels_beyond(tmp_path: Path) -> None:
    material = study(tmp_path, {0.005: BASE, 0.02: shifted(-0.2), 0.001: shifted(0.2)}, LOSS)
    assert best_settings(material)[0].startswith(
        "Best for validation loss, beyond doubt: training.learning_rate = 0.02"
    )
    advice = next(advice for advice in what_to_try_next(material) if "most promising" in advice.words)
    assert advice.command == (
        "python -m musicgen.train --multirun training=smoke training.learning_rate=0.005,0.08 seed=0,1,2"
    )


def test_an_improvement_between_other_levels_asks_for_nothing_beyond(tmp_path: Path) -> None:
    material = study(tmp_path, {0.005: BASE, 0.02: shifted(-0.2), 0.04: shifted(0.2)}, LOSS)
    assert not any("most promising" in advice.words for advice in what_to_try_next(material))


def test_the_largest_undecided_effect_is_named_with_a_command_for_it(tmp_path: Path) -> None:
    noisy = [value + noise for value, noise in zip(BASE, (0.3, -0.2, 0.25, 0.0, 0.1), strict=True)]
    material = study(tmp_path, {0.005: BASE, 0.02: noisy, 0.04: [value - 0.001 for value in noisy]}, LOSS)
    advice = next(advice for advice in what_to_try_next(material) if "largest undecided" in advice.words)
    assert "training.learning_rate = 0.02 on validation loss" in advice.words
    words = advice.command.split()
    assert words[:4] == ["python", "-m", "musicgen.train", "--multirun"]
    overrides = OverridesParser.create().parse_overrides(words[4:])
    assert [override.key_or_group for override in overrides] == ["training", "training.learning_rate", "seed"]
    assert advice.command.endswith("seed=0,1,2,3,4,5,6,7,8,9")


def test_no_setting_beats_the_baseline_by_words_alone(tmp_path: Path) -> None:
    noisy = [value + noise for value, noise in zip(BASE, (0.3, -0.2, 0.25, 0.0, 0.1), strict=True)]
    assert best_settings(study(tmp_path, {0.005: BASE, 0.02: noisy}, LOSS)) == [
        "No setting beats the baseline in validation loss."
    ]


def test_all_of_one_kind_is_said_in_one_sentence(material: Material) -> None:
    (found,) = answers_on(material, [RATE])
    assert (
        found.sentence
        == "Nothing moved tune rate beyond doubt. All 2 changes made no difference that matters."
    )


@pytest.mark.parametrize(
    ("parts", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")]
)
def test_lists_read_as_english(parts: list[str], text: str) -> None:
    assert listed(parts) == text
