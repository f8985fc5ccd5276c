import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.checkpoint import Checkpoint
from musicgen.model.config import ModelConfig
from musicgen.model.network import build_network

CONFIG = ModelConfig(cell="gru", hidden_size=8, num_layers=2, embedding_size=4, dropout=0.1)
VOCABULARY = Vocabulary("\nABC")


def test_a_checkpoints_network_scores_like_the_original() -> None:
    network = build_network(CONFIG, VOCABULARY.size, seed=3)
    checkpoint = Checkpoint(CONFIG, VOCABULARY, network.state_dict(), iteration=70, validation_loss=1.5)
    tokens = torch.randint(0, VOCABULARY.size, (5, 2, 1))
    assert torch.equal(checkpoint.network(torch.device("cpu"), "fp32")(tokens)[0], network.eval()(tokens)[0])
