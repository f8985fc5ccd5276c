"""How a training shows itself: a bar on a terminal, plain log lines elsewhere."""

import logging
import sys

from tqdm import tqdm

from musicgen.training.outcome import Record

log = logging.getLogger(__name__)


class Progress:
    """Loss, validation loss, tokens per second and time left."""

    def __init__(self, num_iterations: int) -> None:
        self._num_iterations = num_iterations
        self._validation = ""
        self._bar = tqdm(
            total=num_iterations,
            desc="training",
            unit="it",
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

    def __enter__(self) -> "Progress":
        """Nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it stands."""
        self._bar.close()

    def step(self, iteration: int) -> None:
        """Move to this iteration."""
        self._bar.update(iteration - self._bar.n)

    def record(self, record: Record) -> None:
        """Show a row of the history; the plain log has a line for each validation."""
        self.step(record.iteration)
        if record.validation_loss is not None:
            self._validation = f", validation {record.validation_loss:.4f}"
        self._bar.set_postfix_str(
            f"loss {record.train_loss:.4f}{self._validation}, {record.tokens_per_second:,.0f} tokens/s"
        )
        if self._bar.disable and record.validation_loss is not None:
            log.info(
                "iteration %d of %d: loss %.4f, validation loss %.4f nats per character, %s tokens/s",
                record.iteration,
                self._num_iterations,
                record.train_loss,
                record.validation_loss,
                f"{record.tokens_per_second:,.0f}",
            )
