"""The character network: embedding, recurrent layers, one score for every character.

Shapes: T time steps, B rows of a batch, V tokens of the vocabulary, E embedding size, H hidden size,
L layers. Time comes first everywhere.
"""

import torch
from torch import Tensor, nn

from musicgen.model.config import ModelConfig

State = Tensor | tuple[Tensor, Tensor]
"""Of a GRU: hidden [L, B, H]; of an LSTM: hidden and cell, each [L, B, H]."""

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class CharacterNetwork(nn.Module):
    """Scores the next character at every position of a text."""

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(vocabulary_size, config.embedding_size)
        self.dropout = nn.Dropout(config.dropout)
        self.recurrent = CELLS[config.cell](
            config.embedding_size,
            config.hidden_size,
            config.num_layers,
            # torch warns of dropout between the layers where there is only one.
            dropout=config.dropout if config.num_layers > 1 else 0.0,
        )
        self.output = nn.Linear(config.hidden_size, vocabulary_size)

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Read tokens [T, B] from a state (None: zero); return logits [T, B, V] and the new state."""
        embedded = self.dropout(self.embedding(tokens))
        hidden, new_state = self.recurrent(embedded, state)
        return self.output(self.dropout(hidden)), new_state


def build_network(config: ModelConfig, vocabulary_size: int, seed: int) -> CharacterNetwork:
    """A network whose weights depend on `config`, `vocabulary_size` and `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CharacterNetwork(config, vocabulary_size)


def select_rows(state: State, rows: Tensor) -> State:
    """The state of some rows of a batch; rows: their numbers, int64 [number of rows kept]."""
    if isinstance(state, tuple):
        hidden, cell = state
        return hidden.index_select(1, rows), cell.index_select(1, rows)
    return state.index_select(1, rows)
