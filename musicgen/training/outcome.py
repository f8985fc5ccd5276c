"""What comes out of a training, whichever way it ends."""

from dataclasses import dataclass


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
    best_iteration: int
    best_validation_loss: float
    final_validation_loss: float
    iterations: int
    """Where it ended; below num_iterations after early stopping."""
    reused_iterations: int
    """Of these, what an earlier process had trained."""
    train_seconds: float
    """Of this process: steps, validation and saving."""
    tokens_per_second: float
    """Of this process's training steps alone, the first few left out; 0 if it trained none."""


class TrainingDiverged(ArithmeticError):
    """The loss or the gradient is no longer a finite number."""

    def __init__(self, iteration: int, learning_rate: float, loss: float, gradient_norm: float) -> None:
        super().__init__(
            f"diverged at iteration {iteration}: loss {loss:.4g}, learning rate {learning_rate:.4g}, "
            f"gradient norm {gradient_norm:.4g}"
        )
        self.iteration = iteration


class TrainingInterrupted(KeyboardInterrupt):
    """A signal asked for the end; the state up to `iteration` is saved.

    Like its parent it passes by whoever goes on after an ordinary error, such as a sweep.
    """

    def __init__(self, iteration: int) -> None:
        super().__init__(f"interrupted after iteration {iteration}")
        self.iteration = iteration
