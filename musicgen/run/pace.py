"""How many iterations fit into `training.max_minutes`: timed once on this machine, then known.

The store keeps the pace of each kind of training. So a repeated or resumed command, another seed and another
learning rate get the same number of iterations, and their runs share trainings as ever.
"""

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.config import Config
from musicgen.engine.computing import computing_on
from musicgen.errors import InputError
from musicgen.records.identity import pace_identity
from musicgen.run.inputs import RunInputs
from musicgen.run.task import new_task
from musicgen.system.cache import computed_once
from musicgen.system.words import brief
from musicgen.training.config import TrainingConfig
from musicgen.training.pace import Pace, measure_pace

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

FOLDER = "paces"
"""In the store; a file that is removed is timed again."""
PLANNED_SHARE = 0.9
"""Share of the time that iterations are planned for. The rest is for saving states and slower moments."""


def pace_file(config: Config, inputs: RunInputs, device: "torch.device") -> Path:
    """Where the store keeps the pace of a training with this resolved config."""
    identity = pace_identity(config.as_dict(), inputs.corpus.sha256, device.type)
    return Path(config.paths.store) / FOLDER / f"{identity}.json"


def known_pace(config: Config, inputs: RunInputs, device: "torch.device") -> Pace:
    """The pace of a training with this resolved config, which is measured unless the store has it."""

    def measure() -> Pace:
        log.info("timing some iterations for training.max_minutes")
        assert config.training.num_threads is not None
        with computing_on(config.training.num_threads):
            return measure_pace(new_task(config, inputs, device, training_id=""))

    return computed_once(
        pace_file(config, inputs, device),
        lambda text: Pace(**json.loads(text)),
        measure,
        lambda pace: json.dumps(asdict(pace), indent=2) + "\n",
        locks=config.paths.locks,
    )


def fit_into_time(training: TrainingConfig, pace: Pace) -> TrainingConfig:
    """The settings with as many of their iterations as fit into max_minutes.

    Raises InputError if not even the warm-up fits.
    """
    assert training.max_minutes is not None
    seconds = 60 * PLANNED_SHARE * training.max_minutes
    num_iterations = min(training.num_iterations, pace.iterations_within(seconds, training))
    # One after the warm-up, since the learning rate must get there.
    fewest = training.warmup_iterations + 1
    if num_iterations < fewest:
        needed = pace.seconds_of(fewest, training) / 60 / PLANNED_SHARE
        warm_up = f", and training.warmup_iterations={training.warmup_iterations} must stay below"
        raise InputError(
            f"training.max_minutes={training.max_minutes:g}: {num_iterations} iterations fit "
            f"({_each(pace)}){warm_up if training.warmup_iterations else ''}; "
            f"allowed are {brief(1.05 * needed)} and more"
        )
    return replace(training, num_iterations=num_iterations)


def describe_fit(wanted: TrainingConfig, num_iterations: int, pace: Pace) -> str:
    """Such as "training.max_minutes=5: 840 of 1200 iterations fit (0.31 s each)"."""
    some = "all" if num_iterations == wanted.num_iterations else f"{num_iterations} of"
    limit = f"training.max_minutes={wanted.max_minutes:g}"
    return f"{limit}: {some} {wanted.num_iterations} iterations fit ({_each(pace)})"


def _each(pace: Pace) -> str:
    return f"{brief(pace.seconds_per_iteration)} s each"
