"""The recurrent cells by name. A new one is one line here; a config chooses it with `model.cell`.

Other packages add cells as entry points of the group `musicgen.cells`, or the config names the class by its
path. The class is built and called like torch.nn.LSTM and torch.nn.GRU: Class(embedding_size, hidden_size,
num_layers, dropout=…), then module(inputs [T, B, E], state or None) -> hidden [T, B, H] and the new state.
The state is one tensor, or a tuple of them, with the batch as its second dimension: [L, B, …].
"""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from musicgen.system.extensions import Extensions


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

_ASSUMED_GATES = 4
"""Of a cell of another package, in estimates of its time."""


def find_cell(name: str) -> Cell:
    """The cell of this name or at this path; raises InputError."""
    return CELLS.get(name) or Cell(_outside().path_of(name, _where(name)), _ASSUMED_GATES)


def load_cell(name: str) -> Callable[..., Any]:
    """Import the class of a cell; raises InputError."""
    return resolve_name(CELLS[name].path) if name in CELLS else _outside().load(name, _where(name))


def check_cell(name: str) -> None:
    """Raise InputError for a cell that does not exist, or cannot be imported."""
    if name not in CELLS:
        load_cell(name)


def cell_identity(name: str) -> str:
    """What stands for a cell in an identity: its name, and for another package's its path and code too."""
    # A state holds the name, and is read by it.
    return name if name in CELLS else f"{name} {_outside().code_of(name, _where(name))}"


def _outside() -> Extensions:
    return Extensions("musicgen.cells", "cell", tuple(CELLS), path_form="package.module:Class")


def _where(name: str) -> str:
    return f"model.cell={name}"
