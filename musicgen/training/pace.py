"""How long the steps and validations of a training take on this machine, and how many fit into a time."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from musicgen.training.batches import batches
from musicgen.training.config import TrainingConfig
from musicgen.training.loop import WARM_UP_STEPS, Task, forked_generators, train_step
from musicgen.training.loss import EncodedTunes, mean_loss
from musicgen.training.optimizer import AdamW
from musicgen.training.schedule import learning_rate_at

MIN_TIMED_STEPS, MAX_TIMED_STEPS = 3, 50
TIMED_SECONDS = 2.0
"""After this long no further step is timed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of training; both are positive."""

    seconds_per_iteration: float
    seconds_per_validation: float

    def __post_init__(self) -> None:
        """Raise ValueError for times that no training can have."""
        for seconds in (self.seconds_per_iteration, self.seconds_per_validation):
            if not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(f"{seconds} is not a duration")

    def seconds_of(self, num_iterations: int, config: TrainingConfig) -> float:
        """Seconds of a training: it validates at each multiple of the interval and at its end."""
        num_validations = math.ceil(num_iterations / config.validation_interval)
        return num_iterations * self.seconds_per_iteration + num_validations * self.seconds_per_validation

    def iterations_within(self, seconds: float, config: TrainingConfig) -> int:
        """The largest number of iterations that take no longer, with their validations."""
        interval = config.validation_interval
        num_intervals = int(seconds / self.seconds_of(interval, config))
        left = seconds - self.seconds_of(num_intervals * interval, config) - self.seconds_per_validation
        return num_intervals * interval + max(0, int(left / self.seconds_per_iteration))


def measure_pace(task: Task) -> Pace:
    """Time some steps and one validation. They change the task's network, but not its random streams."""
    optimizer = AdamW(task.network.parameters(), task.config.weight_decay)
    draw, generator = batches(task.windows, task.device), task.windows.generator.bit_generator
    state = generator.state
    # Dropout draws from torch's global random stream.
    with forked_generators(task.device):
        for _ in range(WARM_UP_STEPS):
            _seconds_of_step(task, draw, optimizer)
        steps: list[float] = []
        while len(steps) < MIN_TIMED_STEPS or (len(steps) < MAX_TIMED_STEPS and sum(steps) < TIMED_SECONDS):
            steps.append(_seconds_of_step(task, draw, optimizer))
    generator.state = state
    # The first validation of a process also compiles code.
    mean_loss(task.network, _beginning_of(task.validation))
    started = time.perf_counter()
    mean_loss(task.network, task.validation)
    return Pace(sum(steps) / len(steps), time.perf_counter() - started)


def _seconds_of_step(task: Task, draw: Callable[[], Tensor], optimizer: AdamW) -> float:
    started = time.perf_counter()
    loss, _ = train_step(task, draw(), optimizer, learning_rate_at(1, task.config))
    # Reading the loss waits for the device.
    loss.item()
    return time.perf_counter() - started


def _beginning_of(tunes: EncodedTunes) -> EncodedTunes:
    """Two characters of the first batch."""
    inputs, targets, in_body = tunes.batches[0]
    return replace(tunes, batches=((inputs[:2], targets[:2], in_body[:2]),))
