"""The whole state of a training in one file, so that a later process goes on from it bit for bit."""

import logging
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.errors import InputError
from musicgen.files import replace_atomically
from musicgen.model.checkpoint import Checkpoint
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork
from musicgen.training.config import TrainingConfig
from musicgen.training.log import TrainingLog

logger = logging.getLogger(__name__)

Weights = dict[str, torch.Tensor]


@dataclass
class TrainingState:
    """Everything that the next step depends on, and the best weights so far."""

    network: CharacterNetwork
    optimizer: torch.optim.Optimizer
    batches: np.random.Generator
    vocabulary: Vocabulary
    log: TrainingLog = field(default_factory=TrainingLog)
    best_weights: Weights = field(default_factory=dict)
    """Of the lowest validation loss at multiples of the validation interval; empty before the first."""
    best_iteration: int = 0

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all. Inside, torch keeps a checksum of every part."""
        content = {
            "model": asdict(self.network.config),
            "vocabulary": self.vocabulary.characters,
            "log": asdict(self.log),
            "weights": self.network.state_dict(),
            "best_weights": self.best_weights,
            "best_iteration": self.best_iteration,
            "optimizer": self.optimizer.state_dict(),
            "batches": self.batches.bit_generator.state,
            "dropout": torch.get_rng_state(),
            "dropout_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        # A file that Python writes to says why it cannot be written, as a full disk.
        with replace_atomically(path) as temporary, temporary.open("wb") as file:
            try:
                torch.save(content, file)
            except RuntimeError as error:
                # What torch says when it then gives up hides what the disk said.
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise

    def restore(self, content: Mapping[str, Any]) -> None:
        """Bring network, optimiser, random streams and log to where a file had them: see `read_state`."""
        self.network.load_state_dict(content["weights"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.batches.bit_generator.state = content["batches"]
        torch.set_rng_state(content["dropout"])
        if content["dropout_cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(content["dropout_cuda"])
        self.log = TrainingLog(**content["log"])
        self.best_weights, self.best_iteration = content["best_weights"], content["best_iteration"]

    def keep_if_best(self) -> None:
        """Copy the weights if they have the lowest validation loss so far."""
        losses, now = self.log.validation_losses, self.log.iteration
        if not self.best_iteration or losses[now] < losses[self.best_iteration]:
            self.best_weights, self.best_iteration = weights_on_cpu(self.network), now


def read_state(path: Path) -> dict[str, Any] | None:
    """What a state file holds; None where it is gone and, with a warning, where it is damaged."""
    try:
        return load_tensors(path)
    except InputError:
        # Without locks another process may have removed it since it was listed.
        if path.exists():
            logger.warning("%s is damaged and not used", path)
        return None


def load_checkpoint(path: Path, which: Literal["best", "last"], config: TrainingConfig) -> Checkpoint:
    """A network out of the state at the end of a run; raises InputError where there is none.

    The best weights are those of the run's lowest validation loss, which may have been its last.
    """
    content = load_tensors(path)
    log = TrainingLog(**content["log"])
    iteration = log.iteration if which == "last" else log.best(config)
    assert iteration in (log.iteration, content["best_iteration"])
    return Checkpoint(
        config=ModelConfig(**content["model"]),
        vocabulary=Vocabulary(content["vocabulary"]),
        weights=content["weights" if iteration == log.iteration else "best_weights"],
        iteration=iteration,
        validation_loss=log.validation_losses[iteration],
    )


def load_tensors(path: Path) -> dict:
    """What torch.save wrote, tensors on the CPU; raises InputError where there is none or it is damaged."""
    if not path.is_file():
        raise InputError(f"no trained network at {path}: it was removed; the run's command trains it again")
    if not _is_whole(path):
        raise InputError(f"{path} is damaged and cannot be loaded; delete it and train again")
    return torch.load(path, map_location="cpu", weights_only=True)


def weights_on_cpu(network: CharacterNetwork) -> Weights:
    """A copy of the network's weights that later training does not change."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in network.state_dict().items()}


def _is_whole(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
        return False
