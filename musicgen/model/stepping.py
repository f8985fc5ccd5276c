"""A trained network that reads one character at a time, for many texts at once.

What does not change from step to step is done once: the first layer's input shares of all characters, the
weights in the order in which products read them.

Shapes: B texts, V tokens of the vocabulary, H hidden size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.engine.products import DTYPES, StepProduct, prepare
from musicgen.engine.recurrence import CELLS, Tape, embed, layer_parameters
from musicgen.model.inputs import InputReader
from musicgen.model.network import CharacterNetwork, State, select_rows


class Stepper:
    """Scores the next character of every text; keeps their states."""

    def __init__(self, network: CharacterNetwork, vocabulary: Vocabulary, num_texts: int) -> None:
        """Start so many texts from fresh states."""
        self._inputs = InputReader(network.config, vocabulary, num_texts)
        self._reads_more = network.config.reads_more_than_characters
        self._device = network.embedding.weight.device
        is_on_cpu = self._device.type == "cpu"
        self._reader = _CpuReader(network, num_texts) if is_on_cpu else _ModuleReader(network)

    @torch.no_grad()
    def __call__(self, tokens: Tensor) -> Tensor:
        """Read a token of every text, [B]; return the scores of their next ones, [B, V]."""
        rows = tokens[None, :, None]
        if self._reads_more:
            rows = torch.from_numpy(self._inputs.read(tokens[None].cpu().numpy())).to(self._device)
        return self._reader.read(rows)

    @torch.no_grad()
    def keep(self, rows: Tensor) -> None:
        """Go on with these texts alone; rows: their numbers, int64."""
        self._inputs.keep(rows.cpu().numpy())
        self._reader.keep(rows)


class _ModuleReader:
    """Through the network's own forward, as CUDA needs it."""

    def __init__(self, network: CharacterNetwork) -> None:
        self._network = network
        self._state: State | None = None

    def read(self, rows: Tensor) -> Tensor:
        """Read the rows of one character of every text, [1, B, N]; return scores [B, V]."""
        scores, self._state = self._network(rows, self._state)
        return scores[0]

    def keep(self, rows: Tensor) -> None:
        assert self._state is not None
        self._state = select_rows(self._state, rows)


@dataclass(slots=True)
class _Layer:
    """A layer's weights as a step needs them, and where its texts stand."""

    input_product: StepProduct | None
    """None where the inputs' shares are looked up in a table."""
    input_bias: Tensor
    weight: Tensor | StepProduct
    bias_hh: Tensor
    tape: Tape
    num_steps: int = 0
    """Read into the tape, which holds one."""

    def read(self, inputs: Tensor, rows: Tensor) -> Tensor:
        """The rows [B] of inputs [N, G], shares of the gates -> hidden [B, H]."""
        self.tape.run(inputs, rows[None], self.weight, self.bias_hh, self.num_steps)
        self.num_steps += 1
        return self.tape.hiddens[self.num_steps % 2]


class _CpuReader:
    @torch.no_grad()
    def __init__(self, network: CharacterNetwork, num_texts: int) -> None:
        recurrent, dtype = network.recurrent, DTYPES[network.precision]
        H = network.config.hidden_size
        self._cell, self._dtype = CELLS[type(recurrent)], dtype
        self._embedding = network.embedding.weight
        self._layers: list[_Layer] = []
        for layer in range(network.config.num_layers):
            weight_ih, weight_hh, bias_ih, bias_hh = layer_parameters(recurrent, layer)
            weight, bias = weight_ih.to(dtype), self._cell.input_bias(bias_ih, bias_hh).to(dtype)
            zeros = torch.zeros(num_texts, H)
            state = (zeros, zeros) if network.config.cell == "lstm" else (zeros,)
            is_looked_up = layer == 0 and not network.config.reads_more_than_characters
            if is_looked_up:
                self._table = functional.linear(self._embedding.to(dtype), weight, bias)
            input_product = None if is_looked_up else StepProduct(weight, num_texts)
            recurrent_weight = prepare(weight_hh, dtype, num_texts)
            tape = self._cell.begin(1, state, dtype, False)
            self._layers.append(_Layer(input_product, bias, recurrent_weight, bias_hh, tape))
        self._output = StepProduct(network.output.weight, num_texts)
        self._output_bias = network.output.bias

    def read(self, rows: Tensor) -> Tensor:
        """Read the rows of one character of every text, [1, B, N]; return scores [B, V]."""
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
        for layer in self._layers:
            state = tuple(part.index_select(0, rows) for part in layer.tape.state(layer.num_steps))
            layer.tape, layer.num_steps = self._cell.begin(1, state, self._dtype, False), 0
