"""The `evaluation` config group."""

from dataclasses import field
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class EvaluationConfig:
    """How to measure sampled tunes."""

    num_reference_splits: Annotated[int, Field(ge=2, le=1000)]
    """Random splits of the corpus behind each reference's mean and SD."""
    num_train_tunes: Annotated[int, Field(ge=1)] | None
    """Training tunes measured for fit/train_loss, evenly spread over the training split; None: all."""
    # Records of older runs lack the field below.
    metrics: list[Annotated[str, Field(min_length=1)]] = field(default_factory=list)
    """Metrics of other packages to measure too: names, or paths such as package.module:function."""
