from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.training.log import TrainingLog, memorising_warning, next_row, time_warning
from musicgen.training.outcome import Fit
from tests.training.test_loop import training_config

LOSSES = {5: 3.0, 10: 2.0, 15: 2.5, 17: 1.0, 20: 2.0, 25: 2.2, 30: 1.5}
"""17 is the end of another run, not a multiple of the interval of five."""


def log_of(num_iterations: int, validation_losses: dict[int, float] = LOSSES) -> TrainingLog:
    """A training with loss i at iteration i, and steps of a tenth of a second."""
    return TrainingLog(
        train_losses=[float(number) for number in range(1, num_iterations + 1)],
        step_seconds=[0.1] * num_iterations,
        validation_losses={at: loss for at, loss in validation_losses.items() if at <= num_iterations},
    )


def test_a_run_sees_only_its_own_validations() -> None:
    log = log_of(30)
    assert log.iteration == 30
    config = training_config(num_iterations=30, validation_interval=5)
    assert log.validations(config) == {5: 3.0, 10: 2.0, 15: 2.5, 20: 2.0, 25: 2.2, 30: 1.5}
    shorter = training_config(num_iterations=17, validation_interval=5)
    assert log.validations(shorter) == {5: 3.0, 10: 2.0, 15: 2.5, 17: 1.0}
    stopped = training_config(num_iterations=30, validation_interval=5, stop_iteration=17)
    assert log.validations(stopped) == log.validations(shorter)


def test_the_best_is_the_first_of_the_lowest() -> None:
    log = log_of(30)
    assert log.best(training_config(num_iterations=25, validation_interval=5)) == 10
    assert log.best(training_config(num_iterations=30, validation_interval=5)) == 30
    assert log.best(training_config(num_iterations=17, validation_interval=5)) == 17


@pytest.mark.parametrize(("patience", "end"), [(None, 30), (1, 15), (2, 20), (3, 25), (4, 30), (5, 30)])
def test_early_stopping_counts_validations_without_a_new_best(patience: int | None, end: int) -> None:
    """The best is at 10; the equal loss at 20 is not a new best."""
    config = training_config(num_iterations=30, validation_interval=5, early_stopping_patience=patience)
    assert log_of(30).end(config) == end


def test_every_new_best_resets_patience() -> None:
    losses = {5: 2.0, 10: 2.1, 15: 1.9, 20: 2.1, 25: 2.2, 30: 1.0}
    config = training_config(num_iterations=30, validation_interval=5, early_stopping_patience=2)
    assert log_of(30, losses).end(config) == 25


def test_missing_validations_do_not_stop_a_training() -> None:
    config = training_config(num_iterations=60, validation_interval=5, early_stopping_patience=2)
    assert log_of(15).end(config) == 60
    # The validation at 15 is missing, so later ones do not count.
    gap = {5: 1.0, 10: 2.0, 20: 2.0, 25: 2.0}
    assert log_of(25, gap).end(config) == 60


def test_rows_come_every_ten_iterations_at_validations_and_at_the_end() -> None:
    config = training_config(num_iterations=27, validation_interval=8, batch_size=4, sequence_length=20)
    rows = log_of(27, {8: 3.0, 16: 2.0, 24: 1.0, 27: 0.5}).history(config)
    assert [row.iteration for row in rows] == [8, 10, 16, 20, 24, 27]
    # Means of the losses since the previous row: of 1 to 8, of 9 and 10, …
    assert [row.train_loss for row in rows] == [4.5, 9.5, 13.5, 18.5, 22.5, 26.0]
    assert [row.validation_loss for row in rows] == [3.0, None, 2.0, None, 1.0, 0.5]
    assert {row.learning_rate for row in rows} == {0.01}
    # 80 characters a step of a tenth of a second.
    assert [row.tokens_per_second for row in rows] == pytest.approx([800] * 6)


def test_history_continues_after_a_given_row() -> None:
    config = training_config(num_iterations=27, validation_interval=8)
    log = log_of(19, {8: 3.0, 16: 2.0})
    assert [row.iteration for row in log.history(config)] == [8, 10, 16]
    behind = log.history(config, after=10)
    assert [(row.iteration, row.train_loss) for row in behind] == [(16, 13.5)]
    assert log.history(config, after=16) == [] == TrainingLog().history(config)


def test_history_ends_with_the_run_even_if_training_continued() -> None:
    config = training_config(num_iterations=12, validation_interval=8)
    assert [row.iteration for row in log_of(27).history(config)] == [8, 10, 12]
    patient = training_config(num_iterations=30, validation_interval=5, early_stopping_patience=1)
    assert [row.iteration for row in log_of(30).history(patient)] == [5, 10, 15]


@pytest.mark.parametrize(
    ("iteration", "row"), [(0, 8), (7, 8), (8, 10), (10, 16), (19, 20), (24, 27), (26, 27)]
)
def test_the_next_row(iteration: int, row: int) -> None:
    assert next_row(iteration, training_config(num_iterations=27, validation_interval=8)) == row


def fit_of(losses: dict[int, float]) -> Fit:
    best = min(losses, key=lambda iteration: losses[iteration])
    return Fit(
        history=(),
        state=Path(),
        checkpoint=None,  # type: ignore[arg-type]
        best_iteration=best,
        best_validation_loss=losses[best],
        final_validation_loss=losses[max(losses)],
        iterations=max(losses),
        ran_out_of_time=False,
        reused_iterations=0,
        train_seconds=1.0,
        tokens_per_second=1.0,
        seconds_per_iteration=1.0,
    )


def test_a_run_that_ran_out_of_time_is_warned_of() -> None:
    fit, config = fit_of({700: 1.35}), training_config(num_iterations=840, max_minutes=5.0)
    assert time_warning(fit, config) == []
    assert time_warning(replace(fit, ran_out_of_time=True), config) == [
        "training.max_minutes=5: time ran out at iteration 700 of 840; the same command continues from there"
    ]


SHORTER = "training.early_stopping_patience=3, fewer iterations, or "


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({}, f"{SHORTER}training.start_from=…"),
        ({"early_stopping_patience": 3}, "training.start_from=…"),
        ({"start_from": "some/run"}, f"{SHORTER}a lower training.learning_rate"),
    ],
)
def test_a_loss_that_rises_to_the_end_is_a_warning(changes: dict[str, object], advice: str) -> None:
    fit = fit_of({200: 1.35, 400: 1.5, 1200: 1.95})
    assert memorising_warning(fit, training_config(**changes)) == [
        "validation loss has risen since iteration 200 of 1200 (1.35 → 1.95 nats): the network memorises the "
        f"tunes; try {advice}"
    ]


@pytest.mark.parametrize(
    "losses",
    [{200: 1.4, 1000: 1.3, 1200: 1.9}, {200: 1.350, 1200: 1.355}],
    ids=["best in the last third", "hardly risen"],
)
def test_other_runs_are_not_warned_of(losses: dict[int, float]) -> None:
    assert memorising_warning(fit_of(losses), training_config()) == []
