"""How far a run has come: a bar on a terminal, log lines elsewhere, or snapshots for the launcher."""

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
"""Stages in which another process does the work and this one uses no core."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of a run. Losses are the latest ones, in nats per character."""

    stage: str = STARTING
    """What the run is doing, in words for people."""
    iteration: int = 0
    num_iterations: int = 0
    """0 until training starts."""
    train_loss: float | None = None
    validation_loss: float | None = None
    tokens_per_second: float | None = None
    notice: str = ""
    """While the run waits: a sentence that says for what."""

    @property
    def is_trained(self) -> bool:
        """Whether the store holds the trained network, so that other runs can continue from it."""
        return self.stage not in (STARTING, TRAINING, WAITING_TO_TRAIN)

    @property
    def is_waiting(self) -> bool:
        """Whether the run leaves its cores to other processes."""
        return self.stage in (WAITING_TO_TRAIN, WAITING_FOR_REFERENCE)


Receiver = Callable[[Progress], None]


@dataclass
class _Channel:
    receiver: Receiver | None = None
    progress: Progress = Progress()

    def report(self, **changes: object) -> None:
        if self.receiver is not None:
            self.progress = replace(self.progress, **changes)
            self.receiver(self.progress)


_channel = _Channel()
"""Global because Hydra calls a run with its config and nothing else. A process does one run at a time."""


@contextmanager
def report_progress_to(receiver: Receiver) -> Iterator[None]:
    """Send every change of this process's run to the receiver, instead of drawing a bar."""
    _channel.receiver = receiver
    _channel.report()
    try:
        yield
    finally:
        _channel.receiver, _channel.progress = None, Progress()


def report_stage(stage: str) -> None:
    """Report what the run does now, such as "sampling"."""
    _channel.report(stage=stage, notice="")


def report_waiting(stage: str, notice: str) -> None:
    """Report and log that the run waits, and for what."""
    log.warning(notice)
    _channel.report(stage=stage, notice=notice)


class TrainingProgress:
    """Reports the iterations of a training: losses, tokens per second, time left."""

    def __init__(self, num_iterations: int) -> None:
        self._num_iterations = num_iterations
        self._validation = ""
        self._reused = 0
        self._bar = tqdm(
            total=num_iterations,
            desc=TRAINING,
            unit="it",
            disable=_channel.receiver is not None or not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

    def __enter__(self) -> "TrainingProgress":
        _channel.report(stage=TRAINING, num_iterations=self._num_iterations)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def resume(self, iteration: int) -> None:
        """Report that training starts from this iteration. Rows up to it are not logged as progress."""
        self._reused = iteration
        self._bar.update(iteration - self._bar.n)

    def step(self, iteration: int) -> None:
        """Report a finished iteration."""
        self._bar.update(iteration - self._bar.n)
        _channel.report(iteration=iteration)

    def record(self, record: Record) -> None:
        """Report a row of the history. Without a bar, each validation becomes a line of the log."""
        self._bar.update(record.iteration - self._bar.n)
        changes: dict[str, object] = {
            "iteration": record.iteration,
            "train_loss": record.train_loss,
            "tokens_per_second": record.tokens_per_second,
        }
        speed = f"{record.tokens_per_second:,.0f} tokens/s"
        if record.validation_loss is not None:
            changes["validation_loss"] = record.validation_loss
            self._validation = f", validation {record.validation_loss:.4f}"
            if self._bar.disable and record.iteration > self._reused:
                log.info(
                    "iteration %d of %d: loss %.4f, validation loss %.4f nats per character, %s",
                    record.iteration,
                    self._num_iterations,
                    record.train_loss,
                    record.validation_loss,
                    speed,
                )
        _channel.report(**changes)
        self._bar.set_postfix_str(f"loss {record.train_loss:.4f}{self._validation}, {speed}")
