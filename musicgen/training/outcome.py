"""What a training returns or raises."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musicgen.model.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Record:
    """A row of history.csv."""

    iteration: int
    train_loss: float
    """Mean over the batches since the previous record, in nats per character."""
    validation_loss: float | None
    """Over the whole validation split, in nats per character; None if not measured here."""
    learning_rate: float
    tokens_per_second: float
    """Speed of training steps alone, since the previous record."""


@dataclass(frozen=True)
class Fit:
    """A training that reached its end or stopped early."""

    history: tuple[Record, ...]
    state: Path
    """The file with the weights."""
    checkpoint: "Checkpoint"
    """Contents of that file, which other processes may remove as soon as the training has ended."""
    best_iteration: int
    best_validation_loss: float
    final_validation_loss: float
    iterations: int
    """The last one; below num_iterations after a stop or early stopping."""
    ran_out_of_time: bool
    """Whether it stopped after max_minutes."""
    reused_iterations: int
    """How many of them other runs or an earlier process had trained."""
    train_seconds: float
    """Time of this process for steps, validation and saving."""
    tokens_per_second: float
    """Speed of this process's training steps, except for the first few; 0 if there were none."""
    seconds_per_iteration: float
    """Median over all training steps, including those of other processes."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where the loss or the gradient stopped being a finite number."""

    iteration: int
    learning_rate: float
    loss: float
    gradient_norm: float

    def __str__(self) -> str:
        """One line for users."""
        return (
            f"diverged at iteration {self.iteration}: loss {self.loss:.4g}, "
            f"learning rate {self.learning_rate:.4g}, gradient norm {self.gradient_norm:.4g}"
        )


class TrainingDiverged(ArithmeticError):
    """The loss or the gradient is no longer a finite number."""

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(divergence)
        self.divergence = divergence


class TrainingInterrupted(KeyboardInterrupt):
    """A signal ended the training; the state up to `iteration` is saved.

    Like its base class, it is not an Exception: a sweep must not catch it and continue with the next run.
    """

    def __init__(self, iteration: int) -> None:
        super().__init__(f"interrupted after iteration {iteration}")
        self.iteration = iteration
