"""The whole state of a training in one file, so that a later process goes on from it bit for bit."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from musicgen.files import replace_atomically
from musicgen.model.checkpoint import load_tensors
from musicgen.model.network import CharacterNetwork
from musicgen.training.outcome import Record

FILE_NAME = "state.pt"


@dataclass
class Milestone:
    """What has happened up to an iteration, beside weights, optimiser and random streams."""

    iteration: int = 0
    best_iteration: int = 0
    best_validation_loss: float = float("inf")
    final_validation_loss: float = float("nan")
    validations_without_best: int = 0
    history: list[Record] = field(default_factory=list)


def save_milestone(
    folder: Path,
    milestone: Milestone,
    network: CharacterNetwork,
    optimizer: torch.optim.Optimizer,
    batches: np.random.Generator,
) -> None:
    """Write the milestone and everything that the next step depends on."""
    content = {
        "milestone": asdict(milestone),
        "weights": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "batches": batches.bit_generator.state,
        "dropout": torch.get_rng_state(),
        "dropout_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    with replace_atomically(folder / FILE_NAME) as temporary:
        torch.save(content, temporary)


def restore_milestone(
    folder: Path, network: CharacterNetwork, optimizer: torch.optim.Optimizer, batches: np.random.Generator
) -> Milestone:
    """Bring everything to where the folder's milestone left it; a new Milestone where there is none."""
    path = folder / FILE_NAME
    if not path.exists():
        return Milestone()
    content = load_tensors(path)
    network.load_state_dict(content["weights"])
    optimizer.load_state_dict(content["optimizer"])
    batches.bit_generator.state = content["batches"]
    torch.set_rng_state(content["dropout"])
    if content["dropout_cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(content["dropout_cuda"])
    fields = content["milestone"]
    return Milestone(**fields | {"history": [Record(**record) for record in fields["history"]]})
