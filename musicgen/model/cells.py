"""The recurrent cells by name. A new one is one line here; a config chooses it with `model.cell`.

Its class is built and called like torch.nn.LSTM and torch.nn.GRU: Class(embedding_size, hidden_size,
num_layers, dropout=…), then module(inputs [T, B, E], state or None) -> hidden [T, B, H] and the new state.
The state is one tensor, or a tuple of them, with the batch as its second dimension: [L, B, …].
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of recurrent layer."""

    path: str
    """`package.module:Class`, imported when a network is built: torch takes a second to import."""
    num_gates: int
    """Rows of its weight matrices divided by the hidden size: what its products cost."""
    is_native: bool = False
    """Whether the native engine computes it on the CPU too; otherwise it needs training.engine=torch
    there."""


CELLS = {
    "lstm": Cell("torch.nn:LSTM", num_gates=4, is_native=True),
    "gru": Cell("torch.nn:GRU", num_gates=3, is_native=True),
}
