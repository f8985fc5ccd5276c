"""How many threads a run gets, by a fixed rule and never by a timing."""

import os
from dataclasses import replace

from musicgen.model.config import ModelConfig
from musicgen.training.config import TrainingConfig

MAX_HIDDEN_SIZE_FOR_ONE_THREAD = 256
"""Up to this size, two runs side by side are worth more than one that finishes sooner.

On two cores, two runs of one thread did 1.4 times the work of one run of two threads at LSTM 256 and 320, 1.9
times at GRU 256, 1.1 times at LSTM 512 and 0.9 times at LSTM 1024 (docs/log.md). The default network has 384:
a single run of it should not take half as long again.
"""


def num_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resolve_threads(training: TrainingConfig, model: ModelConfig) -> TrainingConfig:
    """The settings with the number of threads filled in."""
    if training.num_threads is not None:
        return training
    is_small = model.hidden_size <= MAX_HIDDEN_SIZE_FOR_ONE_THREAD
    return replace(training, num_threads=1 if is_small else num_cores())
