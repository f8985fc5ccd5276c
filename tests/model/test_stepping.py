from typing import Literal

import pytest
import torch

from musicgen.model.config import ModelConfig
from musicgen.model.network import build_network
from musicgen.model.products import Precision
from musicgen.model.stepping import Stepper, _ModuleReader


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 0.02)])
@pytest.mark.parametrize(("cell", "num_layers"), [("lstm", 1), ("lstm", 2), ("gru", 1), ("gru", 3)])
def test_step_by_step_gives_what_reading_at_once_gives(
    cell: Literal["lstm", "gru"], num_layers: int, precision: Precision, tolerance: float
) -> None:
    config = ModelConfig(cell=cell, hidden_size=48, num_layers=num_layers, embedding_size=8, dropout=0.2)
    network = build_network(config, 11, seed=0, precision=precision).eval()
    tokens = torch.randint(0, 11, (7, 5))
    expected, _ = network(tokens)
    stepper, by_modules = Stepper(network, 5), _ModuleReader(network)
    rows = torch.arange(5)
    for step in range(7):
        if step == 4:
            # Two texts end; the others go on as if alone.
            rows = torch.tensor([3, 0, 4])
            stepper.keep(rows)
            by_modules.keep(rows)
        scores = stepper(tokens[step, rows])
        assert scores.dtype == torch.float32
        torch.testing.assert_close(scores, expected[step, rows], rtol=0.0, atol=tolerance)
        torch.testing.assert_close(
            by_modules.read(tokens[step, rows]), expected[step, rows], rtol=0.0, atol=tolerance
        )
