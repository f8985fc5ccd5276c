"""Reading one character at a time for many texts at once, without gradients.

What stays the same from step to step is computed once: the first layer's shares of the gates for all
characters, and the weights in the order in which products read them.

Shapes: B texts, V tokens of the vocabulary, H hidden size, N rows of the embedding read at a character.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from musicgen.engine.products import ScanWeight, StepProduct, prepare
from musicgen.engine.recurrence import CELLS, Tape, embed, layer_parameters


@dataclass(slots=True)
class _Layer:
    """A layer's weights as a step needs them, and the state of its texts."""

    input_product: StepProduct | None
    """None where inputs are looked up in a table."""
    input_bias: Tensor
    weight: StepProduct | ScanWeight
    bias_hh: Tensor
    tape: Tape
    """Room for one step, which later steps overwrite."""
    num_steps: int = 0

    def read(self, inputs: Tensor, rows: Tensor) -> Tensor:
        """The rows [B] of inputs [N, G], shares of the gates -> hidden [B, H]."""
        self.tape.run(inputs, rows[None], self.weight, self.bias_hh, self.num_steps)
        self.num_steps += 1
        return self.tape.hiddens[self.num_steps % 2]


class NativeStepper:
    """Scores the next character of every text, and keeps their states."""

    @torch.no_grad()
    def __init__(
        self,
        recurrent: nn.RNNBase,
        embedding: Tensor,
        output: nn.Linear,
        dtype: torch.dtype,
        num_texts: int,
        *,
        reads_more: bool,
    ) -> None:
        """reads_more: whether more than one row of the embedding [R, E] is read at each character."""
        self._cell, self._dtype, self._embedding = CELLS[type(recurrent)], dtype, embedding
        self._layers: list[_Layer] = []
        for layer in range(recurrent.num_layers):
            weight_ih, weight_hh, bias_ih, bias_hh = layer_parameters(recurrent, layer)
            weight, bias = weight_ih.to(dtype), self._cell.input_bias(bias_ih, bias_hh).to(dtype)
            is_looked_up = layer == 0 and not reads_more
            if is_looked_up:
                self._table = functional.linear(embedding.to(dtype), weight, bias)
            input_product = None if is_looked_up else StepProduct(weight, num_texts)
            state = self._cell.zero_state(num_texts, recurrent.hidden_size)
            tape = self._cell.begin(1, state, dtype, False)
            recurrent_weight = prepare(weight_hh, dtype, num_texts)
            self._layers.append(_Layer(input_product, bias, recurrent_weight, bias_hh, tape))
        self._output, self._output_bias = StepProduct(output.weight, num_texts), output.bias

    def read(self, rows: Tensor) -> Tensor:
        """Read one character of every text, as rows [1, B, N] of the embedding; return scores [B, V]."""
        texts, below = torch.arange(rows.shape[1]), None
        for layer in self._layers:
            if layer.input_product is None:
                below = layer.read(self._table, rows[0, :, 0])
                continue
            below = embed(rows[0], self._embedding) if below is None else below
            inputs = layer.input_product(below.to(self._dtype)).add_(layer.input_bias)
            below = layer.read(inputs, texts)
        assert below is not None
        return self._output(below).add_(self._output_bias)

    def keep(self, rows: Tensor) -> None:
        """Continue with these texts only; rows: their numbers, int64."""
        for layer in self._layers:
            state = tuple(part.index_select(0, rows) for part in layer.tape.state(layer.num_steps))
            layer.tape, layer.num_steps = self._cell.begin(1, state, self._dtype, False), 0
