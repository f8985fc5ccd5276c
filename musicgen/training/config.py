"""The `training` config group."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from musicgen.engine.choice import Engine, Precision

PositiveInt = Annotated[int, Field(ge=1)]
MAX_THREADS = 4096
"""More than any machine has cores."""
MAX_MINUTES = 525_600.0
"""A year."""


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class TrainingConfig:
    """How the weights are found."""

    num_iterations: PositiveInt
    batch_size: PositiveInt
    sequence_length: PositiveInt
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)]
    """Its highest value, after the warm-up."""
    schedule: Literal["constant", "cosine"]
    warmup_iterations: Annotated[int, Field(ge=0)]
    """The learning rate rises linearly during these."""
    final_learning_rate_share: Annotated[float, Field(ge=0.0, le=1.0)]
    """Where the cosine ends, as a share of learning_rate."""
    gradient_clip: Annotated[float, Field(gt=0.0)] | None
    """Largest norm of the gradient of all weights together; null: no clipping."""
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)]
    """Decoupled from the gradient (AdamW); with 0 the optimiser is Adam."""
    validation_interval: PositiveInt
    """Iterations between two validations."""
    early_stopping_patience: PositiveInt | None
    """Stop after this many validations without a new best; null: never."""
    num_threads: Annotated[int, Field(ge=1, le=MAX_THREADS)] | None
    """Processor threads of one run; null: by the rule in device.py. It changes the order of sums and so
    their last bits, which is why it belongs to the training's identity."""
    precision: Precision | None
    """Precision of the recurrent layers' matrix products; null: by the rule in device.py."""
    engine: Engine = "native"
    """What computes on the CPU; GPUs always use torch's modules."""
    start_from: Annotated[str, Field(min_length=1)] | None = None
    """Start from the best weights of this run's directory or stored training; null: from random weights."""
    tune_start_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Share of the windows that begin where a tune begins; the others begin anywhere."""
    max_minutes: Annotated[float, Field(gt=0.0, le=MAX_MINUTES)] | None = None
    """Time for training on this machine. It lowers num_iterations to what fits, so that the learning rate
    reaches its end; if the machine slows down, training stops when the time is up. null: no limit."""
    stop_iteration: PositiveInt | None = None
    """Stop here, with the learning rates of the full length: a later run continues to the end as if there had
    been no stop. null: no stop."""

    @property
    def last_iteration(self) -> int:
        """The last iteration, unless early stopping comes first."""
        return self.stop_iteration or self.num_iterations

    @model_validator(mode="after")
    def _check(self) -> "TrainingConfig":
        for name, value in (
            ("warmup_iterations", self.warmup_iterations),
            ("stop_iteration", self.stop_iteration),
        ):
            if value is not None and value >= self.num_iterations:
                raise ValueError(f"{name} must stay below num_iterations")
        return self
