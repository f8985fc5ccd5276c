"""The character network: embedding, recurrent layers, one score for every character.

Shapes: T time steps, B rows of a batch, V tokens of the vocabulary, E embedding size, H hidden size,
L layers, N rows of the embedding that are read at a character (inputs.py). Time comes first everywhere.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from musicgen.engine.choice import Engine, Precision, usable_engine
from musicgen.errors import InputError, one_line
from musicgen.model.cells import CELLS, load_cell
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import num_rows

State = tuple[Tensor, ...]
"""GRU: hidden [L, B, H] alone. LSTM: hidden and cell, each [L, B, H]."""


class CharacterNetwork(nn.Module):
    """Scores the next character at every position of a text.

    torch's own modules hold the parameters. They also compute on GPUs, where cuDNN is fastest, and on the CPU
    with the torch engine; with the native engine, engine/ computes from the same parameters.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary_size: int,
        precision: Precision = "fp32",
        engine: Engine = "native",
    ) -> None:
        """precision: that of the native engine's products."""
        super().__init__()
        self.config = config
        self.precision: Precision = precision
        self.engine: Engine = engine
        rows = torch.empty(num_rows(config, vocabulary_size), config.embedding_size)
        self.embedding = nn.Embedding.from_pretrained(rows, freeze=False)
        if not rows.is_meta:
            # On the meta device this would import torch's compiler, which takes a second.
            nn.init.normal_(self.embedding.weight)
        with torch.no_grad():
            # Start as a network that reads characters alone: rows that training seldom meets stay silent.
            self.embedding.weight[vocabulary_size:] = 0.0
        self.recurrent = _recurrent_layers(config)
        self.output = nn.Linear(config.hidden_size, vocabulary_size)

    def forward(self, rows: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Read rows [T, B, N] from a state (None: zero); return logits [T, B, V] and the new state."""
        if self.is_native():
            from musicgen.engine import products, recurrence

            dtype = products.DTYPES[self.precision]
            weights = self.recurrent, self.embedding.weight, self.output
            return recurrence.forward(*weights, rows, state, self.config.dropout, dtype)
        hidden, new_state = self.read_with_modules(rows, state)
        return self.output(functional.dropout(hidden, self.config.dropout, self.training)), new_state

    def read_with_modules(self, rows: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Hidden states [T, B, H] of the last layer and the new state, computed by torch's own modules."""
        embedded = self.embedding(rows).sum(dim=2)
        embedded = functional.dropout(embedded, self.config.dropout, self.training)
        given = state[0] if state is not None and len(state) == 1 else state
        hidden, new_state = self.recurrent(embedded, given)
        return hidden, new_state if isinstance(new_state, tuple) else (new_state,)

    def is_native(self) -> bool:
        """Whether engine/ computes this network, which it does on the CPU only."""
        cell = CELLS.get(self.config.cell)
        can_be = cell is not None and cell.is_native and self.embedding.weight.device.type == "cpu"
        return can_be and usable_engine(self.engine) == "native"


def _recurrent_layers(config: ModelConfig) -> Any:
    build = load_cell(config.cell)
    # torch warns if there is dropout between layers but only one layer.
    dropout = config.dropout if config.num_layers > 1 else 0.0
    sizes = config.embedding_size, config.hidden_size, config.num_layers
    if config.cell in CELLS:
        return build(*sizes, dropout=dropout)
    try:
        layers = build(*sizes, dropout=dropout)
        _check_layers(layers, config)
    except Exception as error:  # The code of another package may raise anything.
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        where = f"model.cell={config.cell}"
        raise InputError(f"{where}: cannot replace torch.nn.GRU: {one_line(reason)}") from error
    return layers


def _check_layers(layers: nn.Module, config: ModelConfig) -> None:
    """Try layers of another package: a mistaken order of dimensions may train without an error."""
    if not isinstance(layers, nn.Module):
        raise InputError(f"builds a {type(layers).__name__}, not a torch.nn.Module")
    if layers.state_dict().keys() != dict(layers.named_parameters()).keys():
        raise InputError("has buffers, which states do not keep; register them with persistent=False")
    steps, texts = 2, 3
    inputs = torch.zeros(steps, texts, config.embedding_size)
    if inputs.is_meta:
        return
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        hidden, state = layers(inputs, None)
    parts = state if isinstance(state, tuple) else (state,)
    if hidden.shape != (steps, texts, config.hidden_size):
        raise InputError(f"returns hidden states {list(hidden.shape)}, not [T, B, H]")
    if any(part.dim() < 2 or part.shape[1] != texts for part in parts):
        raise InputError(f"returns a state {[list(part.shape) for part in parts]}, not [L, B, …]")


def build_network(
    config: ModelConfig,
    vocabulary_size: int,
    seed: int,
    precision: Precision = "fp32",
    engine: Engine = "native",
) -> CharacterNetwork:
    """A network whose weights depend on `config`, `vocabulary_size` and `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CharacterNetwork(config, vocabulary_size, precision, engine)


def select_rows(state: State, rows: Tensor) -> State:
    """The state of some rows of a batch; rows: their numbers, int64 [number of rows kept]."""
    return tuple(part.index_select(1, rows) for part in state)
