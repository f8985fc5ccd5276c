"""A trained network that reads one character at a time, for many texts at once.

What does not change from step to step is done once: the first layer's input shares of all characters, the
weights in the order in which products read them.

Shapes: B texts, V tokens of the vocabulary, H hidden size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from musicgen.model.network import CharacterNetwork, State, select_rows
from musicgen.model.products import DTYPES, StepProduct
from musicgen.model.recurrence import CELLS, Tape, layer_parameters


class Stepper:
    """Scores the next character of every text; keeps their states."""

    def __init__(self, network: CharacterNetwork, num_rows: int) -> None:
        """Start num_rows texts from fresh states."""
        is_on_cpu = network.embedding.weight.device.type == "cpu"
        self._reader = _CpuReader(network, num_rows) if is_on_cpu else _ModuleReader(network)

    @torch.no_grad()
    def __call__(self, tokens: Tensor) -> Tensor:
        """Read a token of every text, [B]; return the scores of their next ones, [B, V]."""
        return self._reader.read(tokens)

    @torch.no_grad()
    def keep(self, rows: Tensor) -> None:
        """Go on with these texts alone; rows: their numbers, int64."""
        self._reader.keep(rows)


class _ModuleReader:
    """Through the network's own forward, as CUDA needs it."""

    def __init__(self, network: CharacterNetwork) -> None:
        self._network = network
        self._state: State | None = None

    def read(self, tokens: Tensor) -> Tensor:
        scores, self._state = self._network(tokens[None], self._state)
        return scores[0]

    def keep(self, rows: Tensor) -> None:
        assert self._state is not None
        self._state = select_rows(self._state, rows)


@dataclass(slots=True)
class _Layer:
    """A layer's weights as a step needs them, and where its texts stand."""

    input_product: StepProduct | None
    """Of a layer above the first."""
    input_bias: Tensor
    product: StepProduct
    bias_hh: Tensor
    tape: Tape
    num_steps: int = 0
    """Read into the tape, which holds one."""

    def read(self, inputs: Tensor, rows: Tensor) -> Tensor:
        """The rows [B] of inputs [N, G], shares of the gates -> hidden [B, H]."""
        self.tape.run(inputs, rows[None], self.product, self.bias_hh, self.num_steps)
        self.num_steps += 1
        return self.tape.hiddens[self.num_steps % 2]


class _CpuReader:
    @torch.no_grad()
    def __init__(self, network: CharacterNetwork, num_rows: int) -> None:
        recurrent, dtype = network.recurrent, DTYPES[network.precision]
        H = network.config.hidden_size
        self._cell, self._dtype = CELLS[type(recurrent)], dtype
        self._layers: list[_Layer] = []
        for layer in range(network.config.num_layers):
            weight_ih, weight_hh, bias_ih, bias_hh = layer_parameters(recurrent, layer)
            weight, bias = weight_ih.to(dtype), self._cell.input_bias(bias_ih, bias_hh).to(dtype)
            if layer == 0:
                self._table = functional.linear(network.embedding.weight.to(dtype), weight, bias)
            zeros = torch.zeros(num_rows, H)
            state = (zeros, zeros) if network.config.cell == "lstm" else (zeros,)
            above_first = StepProduct(weight, num_rows) if layer else None
            product = StepProduct(weight_hh.to(dtype), num_rows)
            tape = self._cell.begin(1, state, dtype, False)
            self._layers.append(_Layer(above_first, bias, product, bias_hh, tape))
        self._output = StepProduct(network.output.weight, num_rows)
        self._output_bias = network.output.bias

    def read(self, tokens: Tensor) -> Tensor:
        inputs, rows, hidden = self._table, tokens, None
        for layer in self._layers:
            if hidden is not None:
                assert layer.input_product is not None
                inputs = layer.input_product(hidden.to(self._dtype)).add_(layer.input_bias)
                rows = torch.arange(len(tokens))
            hidden = layer.read(inputs, rows)
        assert hidden is not None
        return self._output(hidden).add_(self._output_bias)

    def keep(self, rows: Tensor) -> None:
        for layer in self._layers:
            state = tuple(part.index_select(0, rows) for part in layer.tape.state(layer.num_steps))
            layer.tape, layer.num_steps = self._cell.begin(1, state, self._dtype, False), 0
