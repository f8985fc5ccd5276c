"""The character network: embedding, recurrent layers, one score for every character.

Shapes: T time steps, B rows of a batch, V tokens of the vocabulary, E embedding size, H hidden size,
L layers, N rows of the embedding that are read at a character (inputs.py). Time comes first everywhere.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from musicgen.engine import recurrence
from musicgen.engine.dropout import dropout
from musicgen.engine.products import DTYPES, Precision
from musicgen.engine.scores import score
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import num_rows

State = tuple[Tensor, ...]
"""Of a GRU: hidden [L, B, H] alone; of an LSTM: hidden and cell, each [L, B, H]."""

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class CharacterNetwork(nn.Module):
    """Scores the next character at every position of a text.

    torch's own modules hold the parameters, and compute on CUDA, where cuDNN is fastest. On the CPU the same
    parameters go through recurrence.py.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int, precision: Precision = "fp32") -> None:
        super().__init__()
        self.config = config
        self.precision: Precision = precision
        """Of products on the CPU, but for those that give the scores."""
        rows = torch.empty(num_rows(config, vocabulary_size), config.embedding_size)
        self.embedding = nn.Embedding.from_pretrained(rows, freeze=False)
        if not rows.is_meta:
            # Of a network without memory this would import torch's compiler, which takes a second.
            nn.init.normal_(self.embedding.weight)
        with torch.no_grad():
            # Begins as a network that reads characters alone: a row that training seldom meets stays silent.
            self.embedding.weight[vocabulary_size:] = 0.0
        self.recurrent = CELLS[config.cell](
            config.embedding_size,
            config.hidden_size,
            config.num_layers,
            # torch warns of dropout between the layers where there is only one.
            dropout=config.dropout if config.num_layers > 1 else 0.0,
        )
        self.output = nn.Linear(config.hidden_size, vocabulary_size)

    def forward(self, rows: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Read rows [T, B, N] from a state (None: zero); return logits [T, B, V] and the new state."""
        is_on_cpu = rows.device.type == "cpu"
        hidden, new_state = (self.read_on_cpu if is_on_cpu else self.read_with_modules)(rows, state)
        hidden = dropout(hidden, self.config.dropout, self.training)
        return score(self.output, hidden, DTYPES[self.precision if is_on_cpu else "fp32"]), new_state

    def read_with_modules(self, rows: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Hidden states [T, B, H] and the new state as torch's own modules compute them, on any device."""
        embedded = self.embedding(rows).sum(dim=2)
        embedded = functional.dropout(embedded, self.config.dropout, self.training)
        if self.config.cell == "lstm":
            return self.recurrent(embedded, state)
        hidden, new_state = self.recurrent(embedded, None if state is None else state[0])
        return hidden, (new_state,)

    def read_on_cpu(self, rows: Tensor, state: State | None) -> tuple[Tensor, State]:
        """The same from the same parameters by recurrence.py; on the CPU only."""
        if state is None:
            zeros = torch.zeros(self.config.num_layers, rows.shape[1], self.config.hidden_size)
            state = (zeros, zeros) if self.config.cell == "lstm" else (zeros,)
        hidden, new_states = recurrence.read(
            self.recurrent,
            self.embedding.weight,
            rows,
            list(zip(*state, strict=True)),
            self.config.dropout,
            DTYPES[self.precision],
        )
        return hidden, tuple(torch.stack(parts) for parts in zip(*new_states, strict=True))


def build_network(
    config: ModelConfig, vocabulary_size: int, seed: int, precision: Precision = "fp32"
) -> CharacterNetwork:
    """A network whose weights depend on `config`, `vocabulary_size` and `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CharacterNetwork(config, vocabulary_size, precision)


def select_rows(state: State, rows: Tensor) -> State:
    """The state of some rows of a batch; rows: their numbers, int64 [number of rows kept]."""
    return tuple(part.index_select(1, rows) for part in state)
