"""What the `evaluation` config group holds."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class EvaluationConfig:
    """How sampled tunes are measured."""

    num_reference_splits: Annotated[int, Field(ge=2, le=1000)]
    """Random splits of the corpus that give each metric's reference its mean and SD."""
    num_train_tunes: Annotated[int, Field(ge=1)] | None
    """Training tunes that fit/train_loss is taken of, evenly spread over those of the split; None: all."""
