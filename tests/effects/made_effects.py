"""Effects made up for tests."""

import math
from dataclasses import fields
from typing import Any

from musicgen.effects.effect import Decision, Effect, Grade
from tests.records.made_runs import LOSS


def made_effect(
    parameter: str = "model.cell", value: object = "gru", metric: str = LOSS, **cells: Any
) -> Effect:
    """A primary effect of three seeds. What is not given is empty: NaN or 0."""
    known: dict[str, Any] = {
        "baseline_value": None,
        "num_seeds": 3,
        "decision": Decision.RAISES,
        "verdict": "",
        "grade": Grade.CLEAR,
        "answer": "",
        "tuning": "plain",
        "family": "primary",
        "shares_training": False,
    }
    blank: dict[str, Any] = {
        field.name: 0 if field.type is int else math.nan
        for field in fields(Effect)
        if field.name not in known
    }
    return Effect(**blank | known | {"parameter": parameter, "value": value, "metric": metric} | cells)
