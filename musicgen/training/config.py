"""What the `training` config group holds."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

PositiveInt = Annotated[int, Field(ge=1)]
MAX_THREADS = 4096
"""More than any machine has cores."""


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class TrainingConfig:
    """How the weights are found."""

    num_iterations: PositiveInt
    batch_size: PositiveInt
    sequence_length: PositiveInt
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)]
    """At its highest, after the warm-up."""
    schedule: Literal["constant", "cosine"]
    warmup_iterations: Annotated[int, Field(ge=0)]
    """The learning rate rises linearly over these."""
    final_learning_rate_share: Annotated[float, Field(ge=0.0, le=1.0)]
    """Where the cosine ends, as a share of learning_rate."""
    gradient_clip: Annotated[float, Field(gt=0.0)] | None
    """Largest norm of the whole gradient; null: no clipping."""
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)]
    """Decoupled from the gradient (AdamW); with 0 the optimiser is Adam."""
    validation_interval: PositiveInt
    """Iterations between two validation losses."""
    early_stopping_patience: PositiveInt | None
    """Stop after this many validations without a new best; null: never."""
    num_threads: Annotated[int, Field(ge=1, le=MAX_THREADS)] | None
    """Of the processor, for one run; null: by the rule in threads.py. Sums in another order differ in their
    last bits, so that the number belongs to the training."""
    precision: Literal["fp32", "bf16"] | None
    """Of the recurrent layers' matrix products: bf16 rounds their factors to bfloat16 and adds up in 32 bits;
    weights, their updates, gates, cells and losses have 32 bits. null: by the rule in precision.py."""

    stop_iteration: PositiveInt | None = None
    """End here, with the learning rates of the whole length, so that a later run goes on to its end as if
    nobody had stopped on the way. null: no such stop."""

    @property
    def last_iteration(self) -> int:
        """Where the run ends, unless early stopping ends it before."""
        return self.stop_iteration or self.num_iterations

    @model_validator(mode="after")
    def _check(self) -> "TrainingConfig":
        if self.warmup_iterations >= self.num_iterations:
            raise ValueError("warmup_iterations must stay below num_iterations")
        if self.stop_iteration is not None and self.stop_iteration >= self.num_iterations:
            raise ValueError("stop_iteration must stay below num_iterations")
        return self
