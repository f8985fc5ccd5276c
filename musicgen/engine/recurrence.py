"""The network's computation on the CPU, from the parameters of torch's own modules.

Results equal those of `nn.LSTM` and `nn.GRU` up to rounding. What makes it faster: the first layer looks up
its share of the gates in a table, as there are no more different inputs than characters; weight gradients are
one product over all time steps; products can be computed in bfloat16 (products.py).

Shapes: T time steps, B rows of a batch, V tokens of the vocabulary, E embedding size, H hidden size, L
layers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from musicgen.engine import gru, lstm
from musicgen.engine.dropout import dropout
from musicgen.engine.products import prepare
from musicgen.engine.scores import score

LayerState = tuple[Tensor, ...]
"""What one layer's cell carries from step to step, each [B, H] in 32 bits."""
Tape = gru.GruTape | lstm.LstmTape
"""The recorded steps of one layer."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell's module provides."""

    num_states: int
    input_bias: Callable[[Tensor, Tensor], Tensor]
    scan: Callable[[Tensor, Tensor, Tensor, Tensor, Any], tuple[Tensor, LayerState]]
    begin: Callable[[int, Any, torch.dtype, bool], Tape]

    def zero_state(self, num_rows: int, hidden_size: int) -> LayerState:
        """The state of one layer before the first step."""
        return (torch.zeros(num_rows, hidden_size),) * self.num_states


CELLS: dict[type[nn.Module], Cell] = {
    nn.LSTM: Cell(2, lstm.input_bias, lstm.scan, lstm.LstmTape.begin),
    nn.GRU: Cell(1, gru.input_bias, gru.scan, gru.GruTape.begin),
}


def forward(
    recurrent: nn.RNNBase,
    embedding: Tensor,
    output: nn.Linear,
    rows: Tensor,
    state: tuple[Tensor, ...] | None,
    dropout_probability: float,
    dtype: torch.dtype,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Read rows [T, B, N] of an embedding [R, E]; return scores [T, B, V] and the new state.

    N rows are added up at each character. state: one or two tensors [L, B, H], None for zeros; dtype: that of
    the factors of products. While `recurrent` trains, dropout acts on the embedded characters, between layers
    and before the output.
    """
    hidden, new_state = read(recurrent, embedding, rows, state, dropout_probability, dtype)
    return score(output, dropout(hidden, dropout_probability, recurrent.training), dtype), new_state


def read(
    recurrent: nn.RNNBase,
    embedding: Tensor,
    read_rows: Tensor,
    state: tuple[Tensor, ...] | None,
    dropout_probability: float,
    dtype: torch.dtype,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """As `forward`, but return the hidden states [T, B, H] of the last layer instead of scores."""
    cell = CELLS[type(recurrent)]
    if state is None:
        zeros = cell.zero_state(read_rows.shape[1], recurrent.hidden_size)
        states: Sequence[LayerState] = [zeros] * recurrent.num_layers
    else:
        states = list(zip(*state, strict=True))
    drops = recurrent.training and dropout_probability > 0.0
    hiddens, new_states = None, []
    for layer, layer_state in enumerate(states):
        weight_ih, weight_hh, bias_ih, bias_hh = layer_parameters(recurrent, layer)
        weight, bias = weight_ih.to(dtype), cell.input_bias(bias_ih, bias_hh).to(dtype)
        if hiddens is None and not drops and read_rows.shape[2] == 1:
            inputs, rows = functional.linear(embedding.to(dtype), weight, bias), read_rows[..., 0]
        else:
            below = embed(read_rows, embedding) if hiddens is None else hiddens
            below = dropout(below, dropout_probability, recurrent.training).flatten(0, 1)
            inputs = functional.linear(below.to(dtype), weight, bias)
            rows = torch.arange(len(inputs)).view(read_rows.shape[:2])
        if torch.is_grad_enabled():
            hiddens, new_state = cell.scan(inputs, rows, weight_hh, bias_hh, layer_state)
        else:
            tape = cell.begin(len(rows), layer_state, dtype, False)
            tape.run(inputs, rows, prepare(weight_hh, dtype, rows.shape[1]), bias_hh)
            hiddens, new_state = tape.hiddens[1:], tape.state(len(rows))
        new_states.append(new_state)
    assert hiddens is not None
    return hiddens, tuple(torch.stack(parts) for parts in zip(*new_states, strict=True))


def embed(rows: Tensor, embedding: Tensor) -> Tensor:
    """The sum of rows [..., N] of an embedding [R, E] -> [..., E]."""
    N = rows.shape[-1]
    if N == 1:
        return functional.embedding(rows[..., 0], embedding)
    return functional.embedding_bag(rows.reshape(-1, N), embedding, mode="sum").view(*rows.shape[:-1], -1)


def layer_parameters(recurrent: nn.RNNBase, layer: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """weight_ih [G, E or H], weight_hh [G, H], bias_ih [G] and bias_hh [G]; G: all gates together."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weight_ih, weight_hh, bias_ih, bias_hh = (getattr(recurrent, f"{name}_l{layer}") for name in names)
    return weight_ih, weight_hh, bias_ih, bias_hh
