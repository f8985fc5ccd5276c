import numpy as np
import pytest
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.engine.choice import Engine, Precision
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import InputReader
from musicgen.model.network import build_network
from musicgen.model.stepping import Stepper

TEXTS = [
    "K:C\nCD|CE|CD|C2|",
    "K:C\nGA|GA|B4|GA:|",
    "X:1\nK:D\nD|D|D|D|",
    "K:G\nG2A2B2c2d2e2",
    "K:C\nz|z|CD|CD|z2|",
]
VOCABULARY = Vocabulary.of(TEXTS)
TEXTS = [text.ljust(20, "|") for text in TEXTS]


@pytest.mark.parametrize(
    ("precision", "engine", "tolerance"),
    [("fp32", "native", 1e-5), ("bf16", "native", 0.02), ("fp32", "torch", 1e-5)],
)
@pytest.mark.parametrize("looks_back", [False, True])
@pytest.mark.parametrize(("cell", "num_layers"), [("lstm", 1), ("lstm", 2), ("gru", 1), ("gru", 3)])
def test_single_steps_equal_reading_at_once(
    cell: str, num_layers: int, looks_back: bool, precision: Precision, engine: Engine, tolerance: float
) -> None:
    bars = [1, 2] if looks_back else []
    config = ModelConfig(cell, 48, num_layers, 8, dropout=0.2, bar_position=looks_back, lookback_bars=bars)
    network = build_network(config, VOCABULARY.size, 0, precision, engine).eval()
    torch.nn.init.normal_(network.embedding.weight, generator=torch.Generator().manual_seed(0))
    tokens = torch.from_numpy(np.stack([VOCABULARY.encode(text) for text in TEXTS], axis=1))
    expected, _ = network(torch.from_numpy(InputReader(config, VOCABULARY, 5).read(tokens.numpy())))
    stepper, rows = Stepper(network, VOCABULARY, 5), torch.arange(5)
    for step in range(len(tokens)):
        if step == 14:
            # Two texts end; the others continue as if alone.
            rows = torch.tensor([3, 0, 4])
            stepper.keep(rows)
        scores = stepper(tokens[step, rows])
        assert scores.dtype == torch.float32
        torch.testing.assert_close(scores, expected[step, rows], rtol=0.0, atol=tolerance)
