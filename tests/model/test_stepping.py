from typing import Literal

import numpy as np
import pytest
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.engine.choice import Precision
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import InputReader
from musicgen.model.network import build_network
from musicgen.model.stepping import Stepper, _ModuleStepper

TEXTS = [
    "K:C\nCD|CE|CD|C2|",
    "K:C\nGA|GA|B4|GA:|",
    "X:1\nK:D\nD|D|D|D|",
    "K:G\nG2A2B2c2d2e2",
    "K:C\nz|z|CD|CD|z2|",
]
VOCABULARY = Vocabulary.of(TEXTS)
TEXTS = [text.ljust(20, "|") for text in TEXTS]


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 0.02)])
@pytest.mark.parametrize(("cell", "num_layers"), [("lstm", 1), ("lstm", 2), ("gru", 1), ("gru", 3)])
def test_step_by_step_gives_what_reading_at_once_gives(
    cell: Literal["lstm", "gru"], num_layers: int, precision: Precision, tolerance: float
) -> None:
    config = ModelConfig(cell=cell, hidden_size=48, num_layers=num_layers, embedding_size=8, dropout=0.2)
    check(config, precision, tolerance)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_text_that_is_kept_goes_on_looking_back(num_layers: int) -> None:
    config = ModelConfig(
        cell="gru",
        hidden_size=48,
        num_layers=num_layers,
        embedding_size=8,
        dropout=0.0,
        bar_position=True,
        lookback_bars=[1, 2],
    )
    check(config, "fp32", 1e-5)


def check(config: ModelConfig, precision: Precision, tolerance: float) -> None:
    network = build_network(config, VOCABULARY.size, seed=0, precision=precision).eval()
    torch.nn.init.normal_(network.embedding.weight, generator=torch.Generator().manual_seed(0))
    tokens = torch.from_numpy(np.stack([VOCABULARY.encode(text) for text in TEXTS], axis=1))
    read = torch.from_numpy(InputReader(config, VOCABULARY, 5).read(tokens.numpy()))
    expected, _ = network(read)
    stepper, by_modules = Stepper(network, VOCABULARY, 5), _ModuleStepper(network)
    rows = torch.arange(5)
    for step in range(len(tokens)):
        if step == 14:
            # Two texts end; the others go on as if alone.
            rows = torch.tensor([3, 0, 4])
            stepper.keep(rows)
            by_modules.keep(rows)
        scores = stepper(tokens[step, rows])
        assert scores.dtype == torch.float32
        torch.testing.assert_close(scores, expected[step, rows], rtol=0.0, atol=tolerance)
        torch.testing.assert_close(
            by_modules.read(read[step : step + 1, rows]), expected[step, rows], rtol=0.0, atol=tolerance
        )
