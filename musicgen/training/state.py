"""The full state of a training in one file, from which a later process continues bit for bit."""

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.errors import InputError
from musicgen.model.checkpoint import Checkpoint
from musicgen.model.network import CharacterNetwork
from musicgen.system.files import replace_atomically
from musicgen.training.config import TrainingConfig
from musicgen.training.log import TrainingLog
from musicgen.training.optimizer import AdamW
from musicgen.training.state_file import StateContent, Weights, read_content

logger = logging.getLogger(__name__)


@dataclass
class TrainingState:
    """Everything the next step depends on, and the best weights so far."""

    network: CharacterNetwork
    optimizer: AdamW
    batches: np.random.Generator
    vocabulary: Vocabulary
    log: TrainingLog = field(default_factory=TrainingLog)
    best_weights: Weights = field(default_factory=dict)
    """Weights with the lowest validation loss at a multiple of the interval; empty before the first."""
    best_iteration: int = 0

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.embedding.weight.device

    def save(self, path: Path) -> None:
        """Write the file atomically. torch adds a checksum to every part of it."""
        content = {
            "model": asdict(self.network.config),
            "vocabulary": self.vocabulary.characters,
            # asdict would copy every loss so far, at every validation.
            "log": vars(self.log),
            "weights": self.network.state_dict(),
            "best_weights": self.best_weights,
            "best_iteration": self.best_iteration,
            "optimizer": self.optimizer.state_dict(),
            "batches": self.batches.bit_generator.state,
            "dropout": torch.get_rng_state(),
            "dropout_cuda": _gpu_generator(self.device),
        }
        # A file opened by Python reports why writing fails, such as a full disk.
        with replace_atomically(path) as temporary, temporary.open("wb") as file:
            try:
                torch.save(content, file)
            except RuntimeError as error:
                # torch's own error hides that of the disk.
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise

    def read(self, path: Path) -> StateContent | None:
        """The contents of a file; None if it is gone or, with a warning, unusable."""
        try:
            content = read_content(path)
        except InputError as error:
            # Without locks another process may have removed the file since it was listed.
            if path.exists():
                logger.warning("not used: %s", error)
            return None
        if (content.model, content.vocabulary) != (self.network.config, self.vocabulary.characters):
            logger.warning("not used: %s is the state of another network", path)
            return None
        return content

    def restore(self, content: StateContent) -> None:
        """Set network, optimiser, random streams and log to the contents of a file."""
        self.network.load_state_dict(content.weights)
        self.optimizer.load_state_dict(content.optimizer)
        self.batches.bit_generator.state = content.batches
        torch.set_rng_state(content.dropout)
        if content.dropout_cuda:
            # Older files hold a state for each card; a training uses the first.
            _set_gpu_generator(self.device, content.dropout_cuda[0])
        self.log = content.log
        self.best_weights, self.best_iteration = content.best_weights, content.best_iteration

    def keep_if_best(self) -> None:
        """Copy the weights if their validation loss is the lowest so far."""
        losses, now = self.log.validation_losses, self.log.iteration
        if not self.best_iteration or losses[now] < losses[self.best_iteration]:
            self.best_weights, self.best_iteration = weights_on_cpu(self.network), now


def load_checkpoint(path: Path, which: Literal["best", "last"], config: TrainingConfig) -> Checkpoint:
    """Read a network from the state at the end of a run; raises InputError if the file holds none.

    The best weights are those with the run's lowest validation loss, which may be the last ones.
    """
    content = read_content(path)
    log = content.log
    iteration = log.iteration if which == "last" or not log.validations(config) else log.best(config)
    if iteration not in (log.iteration, content.best_iteration) or iteration not in log.validation_losses:
        raise InputError(
            f"{path}: not the end of a run with this config, as it lacks the weights of iteration {iteration}"
        )
    return _checkpoint(content, iteration)


def load_best(path: Path) -> Checkpoint:
    """Read the network with the lowest validation loss from a state; raises InputError if it holds none."""
    content = read_content(path)
    losses = content.log.validation_losses
    iterations = [one for one in (content.best_iteration, content.log.iteration) if one in losses]
    if not iterations:
        raise InputError(f"{path}: contains no validated network")
    return _checkpoint(content, min(iterations, key=lambda one: (losses[one], one)))


def _checkpoint(content: StateContent, iteration: int) -> Checkpoint:
    """The network of an iteration whose weights the state holds."""
    return Checkpoint(
        config=content.model,
        vocabulary=Vocabulary(content.vocabulary, content.model.spelling),
        weights=content.weights if iteration == content.log.iteration else content.best_weights,
        iteration=iteration,
        validation_loss=content.log.validation_losses[iteration],
    )


def weights_on_cpu(network: CharacterNetwork) -> Weights:
    """A copy of the network's weights, which later training does not change."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in network.state_dict().items()}


def _gpu_generator(device: torch.device) -> list[torch.Tensor]:
    """The state of the generator that draws dropout on a GPU, uint8 [bytes]; empty on the CPU."""
    if device.type == "cuda":
        return [torch.cuda.get_rng_state(device)]
    return [torch.mps.get_rng_state()] if device.type == "mps" else []


def _set_gpu_generator(device: torch.device, state: torch.Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
