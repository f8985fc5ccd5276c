"""A trained network: its shape, its vocabulary, its weights."""

from dataclasses import dataclass

import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.engine.products import Precision
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

    def network(self, device: torch.device, precision: Precision) -> CharacterNetwork:
        """The network with these weights, ready to score text (dropout off)."""
        network = CharacterNetwork(self.config, self.vocabulary.size, precision)
        network.load_state_dict(self.weights)
        return network.to(device).eval()
