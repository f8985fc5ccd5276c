"""What a training measured at each iteration, and the part of it that belongs to one run.

Runs of different lengths share one training. Everything a run reports is therefore computed from the log up
to the run's own end: it is the same whether the run trained alone, continued a shorter one, or was
interrupted and resumed.
"""

from dataclasses import dataclass, field

from musicgen.training.config import TrainingConfig
from musicgen.training.outcome import Fit, Record
from musicgen.training.schedule import learning_rate_at

RECORD_INTERVAL = 10
"""Iterations between two rows of the history; reading a loss waits for the device."""
MIN_RISE = 0.02
"""Rise of the validation loss that counts, as a share of its lowest value."""


@dataclass
class TrainingLog:
    """Losses and times since the first iteration."""

    train_losses: list[float] = field(default_factory=list)
    """Loss of each iteration's batch, in nats per character."""
    step_seconds: list[float] = field(default_factory=list)
    validation_losses: dict[int, float] = field(default_factory=dict)
    """Iteration -> loss, at multiples of the interval and at the end of every run."""

    @property
    def iteration(self) -> int:
        """Number of finished iterations."""
        return len(self.train_losses)

    def end(self, config: TrainingConfig) -> int:
        """The iteration at which a run ends: its last, or where the log shows that it stops early."""
        if config.early_stopping_patience is not None:
            best, waited = float("inf"), 0
            for iteration in range(
                config.validation_interval, config.last_iteration + 1, config.validation_interval
            ):
                loss = self.validation_losses.get(iteration)
                if loss is None:
                    break
                best, waited = (loss, 0) if loss < best else (best, waited + 1)
                if waited >= config.early_stopping_patience:
                    return iteration
        return config.last_iteration

    def validations(self, config: TrainingConfig) -> dict[int, float]:
        """Iteration -> validation loss of a run, at multiples of the interval and at its end."""
        end = self.end(config)
        return {
            iteration: loss
            for iteration, loss in sorted(self.validation_losses.items())
            if iteration <= end and _is_validated(iteration, end, config)
        }

    def best(self, config: TrainingConfig) -> int:
        """The iteration of a run's lowest validation loss; the first of equals."""
        validations = self.validations(config)
        return min(validations, key=lambda iteration: (validations[iteration], iteration))

    def history(self, config: TrainingConfig, after: int = 0) -> list[Record]:
        """The rows of a run so far; only those later than iteration `after`."""
        rows, previous, end = [], after, self.end(config)
        while previous < min(self.iteration, end):
            iteration = next_row(previous, config)
            if iteration > self.iteration:
                break
            losses = self.train_losses[previous:iteration]
            characters = len(losses) * config.batch_size * config.sequence_length
            rows.append(
                Record(
                    iteration=iteration,
                    train_loss=sum(losses) / len(losses),
                    validation_loss=self.validation_losses.get(iteration)
                    if _is_validated(iteration, end, config)
                    else None,
                    learning_rate=learning_rate_at(iteration, config),
                    tokens_per_second=characters / sum(self.step_seconds[previous:iteration]),
                )
            )
            previous = iteration
        return rows


def memorising_warning(fit: Fit, config: TrainingConfig) -> list[str]:
    """A line if the validation loss has been higher than its best for the last third of a run, or longer."""
    best, end = fit.best_iteration, fit.iterations
    if best > end * 2 / 3 or fit.final_validation_loss <= (1 + MIN_RISE) * fit.best_validation_loss:
        return []
    shorter = "training.early_stopping_patience=3, fewer iterations, or "
    return [
        f"validation loss has risen since iteration {best} of {end} ({fit.best_validation_loss:.2f} → "
        f"{fit.final_validation_loss:.2f} nats): the network memorises the tunes; try "
        f"{shorter if config.early_stopping_patience is None else ''}"
        f"{'training.start_from=…' if config.start_from is None else 'a lower training.learning_rate'}"
    ]


def time_warning(fit: Fit, config: TrainingConfig) -> list[str]:
    """A line if the time was up before the last iteration."""
    if not fit.ran_out_of_time:
        return []
    return [
        f"training.max_minutes={config.max_minutes:g}: time ran out at iteration {fit.iterations} of "
        f"{config.last_iteration}; the same command continues from there"
    ]


def _is_validated(iteration: int, end: int, config: TrainingConfig) -> bool:
    """Whether a run that ends at `end` validates there."""
    return iteration % config.validation_interval == 0 or iteration == end


def next_row(iteration: int, config: TrainingConfig) -> int:
    """The iteration of the next row of the history: the next multiple of an interval, or the last one."""
    return min(
        _next_multiple(iteration, RECORD_INTERVAL),
        _next_multiple(iteration, config.validation_interval),
        config.last_iteration,
    )


def _next_multiple(iteration: int, interval: int) -> int:
    return (iteration // interval + 1) * interval
