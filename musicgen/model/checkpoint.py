"""A trained network in memory. Its file is training/state_file.py's."""

from dataclasses import dataclass

import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.engine.choice import Engine, Precision
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork


@dataclass(frozen=True)
class Checkpoint:
    """What sampling from a network needs, and the iteration it was taken at."""

    config: ModelConfig
    vocabulary: Vocabulary
    weights: dict[str, torch.Tensor]
    iteration: int
    validation_loss: float
    """Nats per character."""

    def network(
        self, device: torch.device, precision: Precision, engine: Engine = "native"
    ) -> CharacterNetwork:
        """The network with these weights, ready to score text (dropout off)."""
        network = CharacterNetwork(self.config, self.vocabulary.size, precision, engine)
        network.load_state_dict(self.weights)
        return network.to(device).eval()
