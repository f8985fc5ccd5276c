from typing import Any

import pytest
from pydantic import ValidationError

from musicgen.metrics.config import EvaluationConfig


@pytest.mark.parametrize("values", [(2, None), (1000, None), (2, 1)])
def test_limits_are_included(values: tuple[int, int | None]) -> None:
    config = EvaluationConfig(*values)
    assert (config.num_reference_splits, config.num_train_tunes) == values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_reference_splits": 1}, "num_reference_splits"),
        ({"num_reference_splits": 1001}, "num_reference_splits"),
        ({"num_reference_splits": "2"}, "valid integer"),
        ({"num_train_tunes": 0}, "num_train_tunes"),
        ({"other": 1}, "Unexpected keyword"),
    ],
)
def test_other_values_are_rejected(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EvaluationConfig(**({"num_reference_splits": 2, "num_train_tunes": None} | values))


def test_a_config_is_frozen() -> None:
    with pytest.raises(AttributeError):
        EvaluationConfig(2, None).num_reference_splits = 3  # pyright: ignore[reportAttributeAccessIssue]
