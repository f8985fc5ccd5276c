from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from musicgen.reporting.advice import _is_allowed, best_settings, what_to_try_next
from musicgen.reporting.study_data import StudyData, read_study
from tests.records.made_runs import LOSS, made_run
from tests.reporting.written_study import REFERENCE, write_run

LOOPS = "validity/loop_rate"


def study_of(
    root: Path,
    values: dict[float, list[float]],
    metric: str,
    seeds: int = 5,
    loops: dict[float, list[float]] | None = None,
) -> StudyData:
    """A study of learning rates: level -> one value of the metric per seed; 0.005 is the baseline.

    loops: the same for the loop rate.
    """
    declared = {"primary_metrics": [metric], "equivalence_margin": {LOSS: 0.02}}
    for level, column in values.items():
        change = None if level == 0.005 else ("training.learning_rate", level, 0.005)
        for seed, value in enumerate(column[:seeds]):
            run = made_run(
                f"{level}/seed={seed}",
                seed=seed,
                overrides={"training.learning_rate": level},
                change=change,
                metrics={metric: value} | ({LOOPS: loops[level][seed]} if loops else {}),
                study=declared,
            )
            run.record.reference = REFERENCE
            run.record.command = f"python -m musicgen.train training=smoke paths.outputs=/tmp/x seed={seed}"
            write_run(run, root)
    return read_study([root])


BASE = [1.5, 1.51, 1.49, 1.52, 1.5]


def shifted(by: float) -> list[float]:
    return [value + by + noise for value, noise in zip(BASE, (0.001, -0.001, 0.002, 0, -0.002), strict=True)]


def test_one_seed_gives_a_candidate_to_confirm(tmp_path: Path) -> None:
    study = study_of(tmp_path, {0.005: BASE, 0.02: shifted(-0.2)}, LOSS, seeds=1)
    advice = next(advice for advice in what_to_try_next(study) if "fresh seeds" in advice.words)
    assert advice.words.startswith("Confirm learning_rate=0.02 with fresh seeds: validation loss ")
    assert advice.command.endswith("training.learning_rate=0.005,0.02 seed=1,2,3")


def test_a_winner_at_the_end_of_the_range_asks_for_a_further_level(tmp_path: Path) -> None:
    study = study_of(tmp_path, {0.005: BASE, 0.02: shifted(-0.2), 0.001: shifted(0.2)}, LOSS)
    assert best_settings(study) == [
        "Better for validation loss, and no headline metric gets worse: "
        "learning_rate=0.02 (clear: −0.2000 [−0.2020, −0.1980])."
    ]
    advice = next(advice for advice in what_to_try_next(study) if "most promising" in advice.words)
    assert advice.command == (
        "python -m musicgen.train --multirun training=smoke training.learning_rate=0.005,0.08 seed=5,6,7"
    )


def test_a_winner_between_other_levels_asks_for_none(tmp_path: Path) -> None:
    study = study_of(tmp_path, {0.005: BASE, 0.02: shifted(-0.2), 0.04: shifted(0.2)}, LOSS)
    assert not any("most promising" in advice.words for advice in what_to_try_next(study))


def test_no_level_is_advised_that_the_config_forbids() -> None:
    assert _is_allowed("model.dropout", 0.9)
    assert not _is_allowed("model.dropout", 1.2)
    assert _is_allowed("model.num_layers", 4)
    assert not _is_allowed("model.num_layers", 0)


def test_the_largest_unclear_effect_comes_with_a_command(tmp_path: Path) -> None:
    noisy = [value + noise for value, noise in zip(BASE, (0.3, -0.2, 0.25, 0.0, 0.1), strict=True)]
    study = study_of(tmp_path, {0.005: BASE, 0.02: noisy, 0.04: [value - 0.001 for value in noisy]}, LOSS)
    advice = next(advice for advice in what_to_try_next(study) if "Still open" in advice.words)
    assert "learning_rate=0.02 on validation loss" in advice.words
    words = advice.command.split()
    assert words[:4] == ["python", "-m", "musicgen.train", "--multirun"]
    overrides = OverridesParser.create().parse_overrides(words[4:])
    assert [override.key_or_group for override in overrides] == ["training", "training.learning_rate", "seed"]
    assert advice.command.endswith("seed=5,6,7,8,9,10,11,12,13,14")


def test_an_open_improvement_is_repeated_before_an_open_loss(tmp_path: Path) -> None:
    worse = [value + noise for value, noise in zip(BASE, (0.3, -0.02, 0.25, 0.2, 0.1), strict=True)]
    better = [value - noise for value, noise in zip(BASE, (0.3, -0.2, 0.25, 0.0, 0.1), strict=True)]
    study = study_of(tmp_path, {0.005: BASE, 0.02: worse, 0.04: better}, LOSS)
    advice = next(advice for advice in what_to_try_next(study) if "Still open" in advice.words)
    assert "learning_rate=0.04" in advice.words


def test_an_unclear_change_does_not_beat_the_baseline(tmp_path: Path) -> None:
    noisy = [value + noise for value, noise in zip(BASE, (0.3, -0.2, 0.25, 0.0, 0.1), strict=True)]
    assert best_settings(study_of(tmp_path, {0.005: BASE, 0.02: noisy}, LOSS)) == [
        "No setting beats the baseline in validation loss without a price elsewhere."
    ]


def test_a_setting_that_loops_more_is_not_recommended(tmp_path: Path) -> None:
    levels = {0.005: BASE, 0.02: shifted(-0.2)}
    loops = {0.005: [0.0] * 5, 0.02: [0.2, 0.0, 0.1, 0.3, 0.0]}
    study = study_of(tmp_path, levels, LOSS, loops=loops)
    assert best_settings(study) == [
        "learning_rate=0.02 is clearly better for validation loss (−0.2000 [−0.2020, −0.1980]), "
        "but not recommended: loop rate 0.00 → 0.12."
    ]
    assert not any("most promising" in advice.words for advice in what_to_try_next(study))


def test_advice_never_reuses_a_seed_of_the_study(tmp_path: Path) -> None:
    noisy = [value + noise for value, noise in zip(BASE, (0.3, -0.2, 0.25, 0.0, 0.1), strict=True)]
    study = study_of(tmp_path, {0.005: BASE, 0.02: noisy, 0.04: shifted(-0.2)}, LOSS)
    commands = [advice.command for advice in what_to_try_next(study) if "seed=" in advice.command]
    assert len(commands) == 2
    for command in commands:
        seeds = command.rpartition("seed=")[2].split(",")
        assert min(map(int, seeds)) == 5
