"""The learning rate over the iterations."""

import math

from musicgen.training.config import TrainingConfig


def learning_rate_at(iteration: int, config: TrainingConfig) -> float:
    """The learning rate of an iteration, counted from 1.

    Linear warm-up to `learning_rate`; then constant, or half a cosine down to `final_learning_rate_share`
    of it at the last iteration (Loshchilov & Hutter 2017, without restarts).
    """
    if iteration <= config.warmup_iterations:
        return config.learning_rate * iteration / config.warmup_iterations
    if config.schedule == "constant":
        return config.learning_rate
    progress = (iteration - config.warmup_iterations) / (config.num_iterations - config.warmup_iterations)
    floor = config.final_learning_rate_share
    return config.learning_rate * (floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2)
