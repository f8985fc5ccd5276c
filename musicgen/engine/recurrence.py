"""The recurrent layers of a network on the CPU, out of the parameters of torch's own modules.

It gives what `nn.LSTM` and `nn.GRU` give, to rounding, and does what those do not: the first layer looks up
its input's share of the gates in a table, since there are no more different inputs than characters; gradients
of weights are one product for all time steps; products can be computed in bfloat16 (products.py).

Shapes: T time steps, B rows of a batch, V tokens of the vocabulary, E embedding size, H hidden size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from musicgen.engine import gru, lstm
from musicgen.engine.dropout import dropout
from musicgen.engine.products import StepProduct, prepare

LayerState = tuple[Tensor, ...]
"""Of one layer: what its cell carries from step to step, each [B, H] in 32 bits."""


class Tape(Protocol):
    """Of one layer; see lstm.Tape and gru.Tape."""

    @property
    def hiddens(self) -> Tensor: ...
    def run(
        self, inputs: Tensor, rows: Tensor, weight_hh: Tensor | StepProduct, bias_hh: Tensor, first: int = 0
    ) -> None: ...
    def state(self, after: int) -> LayerState: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell's module provides."""

    input_bias: Callable[[Tensor, Tensor], Tensor]
    scan: Callable[[Tensor, Tensor, Tensor, Tensor, Any], tuple[Tensor, LayerState]]
    begin: Callable[[int, Any, torch.dtype, bool], Tape]


CELLS: dict[type[nn.RNNBase], Cell] = {
    nn.LSTM: Cell(lstm.input_bias, lstm.scan, lstm.Tape.begin),
    nn.GRU: Cell(gru.input_bias, gru.scan, gru.Tape.begin),
}


def read(
    recurrent: nn.RNNBase,
    embedding: Tensor,
    read_rows: Tensor,
    states: Sequence[LayerState],
    dropout_probability: float,
    dtype: torch.dtype,
) -> tuple[Tensor, list[LayerState]]:
    """Read rows of an embedding from a state for each layer; return hidden states [T, B, H], the new states.

    embedding: [R, E]; read_rows [T, B, N]: which of its rows are added up at each character. Dropout acts on
    the embedded characters and between the layers, while `recurrent` is in training. dtype: of the products'
    factors.
    """
    cell = CELLS[type(recurrent)]
    drops = recurrent.training and dropout_probability > 0.0
    hiddens, new_states = None, []
    for layer, state in enumerate(states):
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
            hiddens, new_state = cell.scan(inputs, rows, weight_hh, bias_hh, state)
        else:
            tape = cell.begin(len(rows), state, dtype, False)
            tape.run(inputs, rows, prepare(weight_hh, dtype, rows.shape[1]), bias_hh)
            hiddens, new_state = tape.hiddens[1:], tape.state(len(rows))
        new_states.append(new_state)
    assert hiddens is not None
    return hiddens, new_states


def embed(rows: Tensor, embedding: Tensor) -> Tensor:
    """The sum of rows [..., N] of an embedding [R, E] -> [..., E]."""
    N = rows.shape[-1]
    if N == 1:
        return functional.embedding(rows[..., 0], embedding)
    return functional.embedding_bag(rows.reshape(-1, N), embedding, mode="sum").view(*rows.shape[:-1], -1)


def layer_parameters(recurrent: nn.RNNBase, layer: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """weight_ih [G, E or H], weight_hh [G, H], bias_ih [G] and bias_hh [G], G all gates together."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weight_ih, weight_hh, bias_ih, bias_hh = (getattr(recurrent, f"{name}_l{layer}") for name in names)
    return weight_ih, weight_hh, bias_ih, bias_hh
