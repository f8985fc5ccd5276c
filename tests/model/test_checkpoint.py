from pathlib import Path

import pytest
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.errors import InputError
from musicgen.model.checkpoint import Checkpoint, weights_on_cpu
from musicgen.model.config import ModelConfig
from musicgen.model.network import build_network

CONFIG = ModelConfig(cell="gru", hidden_size=8, num_layers=2, embedding_size=4, dropout=0.1)
VOCABULARY = Vocabulary("\nABC")


def test_a_saved_network_scores_as_it_did(tmp_path: Path) -> None:
    network = build_network(CONFIG, VOCABULARY.size, seed=3)
    Checkpoint(CONFIG, VOCABULARY, weights_on_cpu(network), 70, 1.5).save(tmp_path / "best.pt")
    loaded = Checkpoint.load(tmp_path / "best.pt")
    assert (loaded.config, loaded.vocabulary, loaded.iteration) == (CONFIG, VOCABULARY, 70)
    tokens = torch.randint(0, VOCABULARY.size, (5, 2))
    assert torch.equal(loaded.network(torch.device("cpu"))(tokens)[0], network.eval()(tokens)[0])


def test_kept_weights_do_not_follow_the_training() -> None:
    network = build_network(CONFIG, VOCABULARY.size, seed=3)
    kept = weights_on_cpu(network)["output.weight"].clone()
    weights = weights_on_cpu(network)
    torch.nn.init.zeros_(network.output.weight)
    assert torch.equal(weights["output.weight"], kept)


def test_a_missing_or_damaged_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no trained network at"):
        Checkpoint.load(tmp_path / "none.pt")
    (tmp_path / "cut.pt").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(InputError, match="is damaged"):
        Checkpoint.load(tmp_path / "cut.pt")
