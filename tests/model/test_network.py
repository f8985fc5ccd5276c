from typing import Literal

import pytest
import torch

from musicgen.model.config import ModelConfig
from musicgen.model.network import build_network, select_rows

SHAPES: list[tuple[Literal["lstm", "gru"], int]] = [("lstm", 1), ("lstm", 2), ("gru", 1), ("gru", 3)]


def config(cell: Literal["lstm", "gru"] = "lstm", num_layers: int = 1, dropout: float = 0.0) -> ModelConfig:
    return ModelConfig(cell=cell, hidden_size=16, num_layers=num_layers, embedding_size=8, dropout=dropout)


@pytest.mark.parametrize(("cell", "num_layers"), SHAPES)
def test_reading_in_pieces_gives_what_reading_at_once_gives(
    cell: Literal["lstm", "gru"], num_layers: int
) -> None:
    network = build_network(config(cell, num_layers), vocabulary_size=11, seed=0).eval()
    tokens = torch.randint(0, 11, (9, 4, 1))
    logits, _ = network(tokens)
    assert logits.shape == (9, 4, 11)
    first, state = network(tokens[:5])
    second, _ = network(tokens[5:], state)
    torch.testing.assert_close(torch.cat([first, second]), logits)


@pytest.mark.parametrize(("cell", "num_layers"), SHAPES)
def test_a_selected_row_goes_on_as_before(cell: Literal["lstm", "gru"], num_layers: int) -> None:
    network = build_network(config(cell, num_layers), vocabulary_size=11, seed=0).eval()
    tokens = torch.randint(0, 11, (6, 4, 1))
    _, state = network(tokens)
    rows = torch.tensor([2, 0])
    expected, _ = network(tokens[:1], state)
    selected, _ = network(tokens[:1, rows], select_rows(state, rows))
    torch.testing.assert_close(selected, expected[:, rows])


def test_weights_depend_on_the_seed_alone_and_leave_the_global_stream() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, same, other = (build_network(config(), 11, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.output.weight, same.output.weight)
    assert not torch.equal(first.output.weight, other.output.weight)


def test_dropout_acts_in_training_only() -> None:
    network = build_network(config(num_layers=2, dropout=0.5), 11, seed=0)
    tokens = torch.randint(0, 11, (6, 4, 1))
    assert not torch.equal(network(tokens)[0], network(tokens)[0])
    network.eval()
    assert torch.equal(network(tokens)[0], network(tokens)[0])
