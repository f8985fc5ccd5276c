"""How far a run has come, and how it shows itself: a bar on a terminal, plain log lines elsewhere.

A run that is one of many does not draw: whoever watches them all listens, and hears a Standing at every
change.
"""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tqdm import tqdm

from musicgen.training.outcome import Record

log = logging.getLogger(__name__)

STARTING, TRAINING = "starting", "training"
WAITING_TO_TRAIN, WAITING_FOR_REFERENCE = "waiting to train", "waiting for the reference"
"""Stages in which another process does the work, and this one takes no core."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands."""

    stage: str = STARTING
    """What it is doing, as a word that a person reads."""
    iteration: int = 0
    num_iterations: int = 0
    """0 until the training says it."""
    train_loss: float | None = None
    """The last one, in nats per character."""
    validation_loss: float | None = None
    """The last one, in nats per character."""
    tokens_per_second: float | None = None
    notice: str = ""
    """What whoever started the run should hear, in words: for whom it waits."""

    @property
    def is_trained(self) -> bool:
        """Whether what others may go on from is in the store."""
        return self.stage not in (STARTING, TRAINING, WAITING_TO_TRAIN)

    @property
    def is_waiting(self) -> bool:
        """Whether it leaves its cores to others."""
        return self.stage in (WAITING_TO_TRAIN, WAITING_FOR_REFERENCE)


Listener = Callable[[Standing], None]


@dataclass
class _Audience:
    """Who hears of the run of this process: a process does one run at a time."""

    listener: Listener | None = None
    standing: Standing = Standing()

    def tell(self, **changes: object) -> None:
        if self.listener is not None:
            self.standing = replace(self.standing, **changes)
            self.listener(self.standing)


_audience = _Audience()


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Hear where the run of this process stands, from its start on, instead of a bar that it draws."""
    _audience.listener = listener
    _audience.tell()
    try:
        yield
    finally:
        _audience.listener, _audience.standing = None, Standing()


def tell_stage(stage: str) -> None:
    """Say what the run does now, such as "sampling"; without a listener nothing happens."""
    _audience.tell(stage=stage, notice="")


def tell_waiting(stage: str, words: str) -> None:
    """Say that the run waits, and for whom; in the log, too."""
    log.warning(words)
    _audience.tell(stage=stage, notice=words)


class Progress:
    """Loss, validation loss, tokens per second and time left."""

    def __init__(self, num_iterations: int) -> None:
        self._num_iterations = num_iterations
        self._validation = ""
        self._bar = tqdm(
            total=num_iterations,
            desc=TRAINING,
            unit="it",
            disable=_audience.listener is not None or not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

    def __enter__(self) -> "Progress":
        """Say that the training begins."""
        _audience.tell(stage=TRAINING, num_iterations=self._num_iterations)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it stands."""
        self._bar.close()

    def step(self, iteration: int) -> None:
        """Move to this iteration."""
        self._bar.update(iteration - self._bar.n)
        _audience.tell(iteration=iteration)

    def record(self, record: Record) -> None:
        """Show a row of the history; the plain log has a line for each validation."""
        self._bar.update(record.iteration - self._bar.n)
        changes: dict[str, object] = {
            "iteration": record.iteration,
            "train_loss": record.train_loss,
            "tokens_per_second": record.tokens_per_second,
        }
        if record.validation_loss is not None:
            self._validation = f", validation {record.validation_loss:.4f}"
            changes["validation_loss"] = record.validation_loss
        _audience.tell(**changes)
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
