"""A trained network in one file: its shape, its vocabulary, its weights."""

import pickle
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.errors import InputError
from musicgen.files import replace_atomically
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork


@dataclass(frozen=True)
class Checkpoint:
    """What is needed to sample from a network, and when in training it was taken."""

    config: ModelConfig
    vocabulary: Vocabulary
    weights: dict[str, torch.Tensor]
    iteration: int
    validation_loss: float
    """Nats per character."""

    def network(self, device: torch.device) -> CharacterNetwork:
        """The network with these weights, ready to score text (dropout off)."""
        network = CharacterNetwork(self.config, self.vocabulary.size)
        network.load_state_dict(self.weights)
        return network.to(device).eval()

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        content = asdict(self) | {"config": asdict(self.config), "vocabulary": self.vocabulary.characters}
        with replace_atomically(path) as temporary:
            torch.save(content, temporary)

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read the file; raises InputError where there is none or it is damaged."""
        content = load_tensors(path)
        content["config"] = ModelConfig(**content["config"])
        content["vocabulary"] = Vocabulary(content["vocabulary"])
        return cls(**content)


def load_tensors(path: Path) -> dict:
    """What torch.save wrote, tensors on the CPU; raises InputError where there is none or it is damaged."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"no trained network at {path}") from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} is damaged and cannot be loaded; delete it and train again") from error


def weights_on_cpu(network: CharacterNetwork) -> dict[str, torch.Tensor]:
    """A copy of the network's weights that later training does not change."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in network.state_dict().items()}
