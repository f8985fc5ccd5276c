"""How many threads a run gets: a fixed rule of its shape and the machine, never a timing taken in the run."""

import os
from dataclasses import replace

from musicgen.model.config import ModelConfig
from musicgen.training.config import TrainingConfig

LARGEST_FOR_ONE_THREAD = 256
"""Hidden size up to which two runs side by side are worth more than one run that is sooner done.

On two cores, two runs of one thread did 1.4 times as much as one run of two threads at LSTM 256 and 320, 1.9
times at GRU 256, 1.1 times at LSTM 512 and 0.9 times at LSTM 1024 (docs/log.md). The default network has 384:
whoever runs it once should not wait for it half as long again.
"""


def num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resolve_threads(training: TrainingConfig, model: ModelConfig) -> TrainingConfig:
    """The settings with a number of threads in them."""
    if training.num_threads is not None:
        return training
    alone = model.hidden_size <= LARGEST_FOR_ONE_THREAD
    return replace(training, num_threads=1 if alone else num_cores())
