"""What comes out of a training, whichever way it ends."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musicgen.model.checkpoint import Checkpoint
    from musicgen.training.loss import Loss


@dataclass(frozen=True, slots=True)
class Record:
    """A row of history.csv."""

    iteration: int
    train_loss: float
    """Mean over the batches since the last record, in nats per character."""
    validation_loss: float | None
    """Over the whole validation split, in nats per character; None where it was not measured."""
    learning_rate: float
    tokens_per_second: float
    """Of training steps alone, since the last record."""


@dataclass(frozen=True)
class Fit:
    """A training that ran to its end or to early stopping."""

    history: tuple[Record, ...]
    state: Path
    """The file with the weights."""
    checkpoint: "Checkpoint"
    """What the file held when the training ended: others may remove it from then on."""
    checkpoint_loss: "Loss | None"
    """Its validation loss; None where another process took it."""
    best_iteration: int
    best_validation_loss: float
    final_validation_loss: float
    iterations: int
    """Where it ended; below num_iterations after a stop or early stopping."""
    reused_iterations: int
    """Of these, what other runs or an earlier process had trained."""
    train_seconds: float
    """Of this process: steps, validation and saving."""
    tokens_per_second: float
    """Of this process's training steps alone, the first few left out; 0 if it trained none."""
    seconds_per_iteration: float
    """Median of the training steps, those of other processes included."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where a training went wrong."""

    iteration: int
    learning_rate: float
    loss: float
    gradient_norm: float

    def __str__(self) -> str:
        """The line that a user reads."""
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
    """A signal asked for the end; the state up to `iteration` is saved.

    Like its parent it passes by whoever goes on after an ordinary error, such as a sweep.
    """

    def __init__(self, iteration: int) -> None:
        super().__init__(f"interrupted after iteration {iteration}")
        self.iteration = iteration
