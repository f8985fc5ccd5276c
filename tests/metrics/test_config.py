import pytest
from pydantic import ValidationError

from musicgen.metrics.config import EvaluationConfig


def test_a_reference_needs_two_splits_and_has_at_most_a_thousand() -> None:
    for number in (2, 1000):
        assert EvaluationConfig(number, None).num_reference_splits == number
    for number in (1, 1001):
        with pytest.raises(ValidationError, match="num_reference_splits"):
            EvaluationConfig(num_reference_splits=number, num_train_tunes=None)


def test_the_training_loss_is_taken_of_all_tunes_or_of_one_at_least() -> None:
    assert EvaluationConfig(2, 1).num_train_tunes == 1
    with pytest.raises(ValidationError, match="num_train_tunes"):
        EvaluationConfig(num_reference_splits=2, num_train_tunes=0)


def test_a_config_is_neither_changed_nor_guessed() -> None:
    config = EvaluationConfig(2, None)
    with pytest.raises(AttributeError):
        config.num_reference_splits = 3  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError, match="valid integer"):
        EvaluationConfig("2", None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValidationError, match="Unexpected keyword"):
        EvaluationConfig(2, None, other=1)  # pyright: ignore[reportCallIssue]
