"""What is fuzzed, known without importing it: the worker must see the modules that it traces being imported.

Each reader is a module beside this one, of its name: `read` takes any bytes and may raise InputError alone,
`seeds` gives good inputs, which mutations begin with.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CRASHES = Path("tests/soak/crashes")
"""Inputs that crashed a reader once; a file's name begins with the reader's."""
_COMPILED = ("musicgen.notation.place", "musicgen.notation.lookback")
"""numba makes machine code of them, in which nothing is counted."""


@dataclass(frozen=True)
class Reader:
    """One of them."""

    name: str
    traced: Sequence[str]
    """Packages and modules whose branches are counted."""
    untraced: Sequence[str] = _COMPILED
    most_bytes: int = 4096
    most_seconds: float = 2.0
    """Of processor time, for one input."""
    holds_json: bool = False
    """Whether inputs are changed as JSON (mutations.py), and not only as bytes."""
    is_compiled: bool = True
    """False: numba compiles nothing, so that its functions are traced, and raise what machine code does not.
    """

    def load(self) -> tuple[Callable[[bytes], None], Callable[[], list[bytes]]]:
        """Its `read` and its `seeds`."""
        module = importlib.import_module(f"tests.soak.fuzzing.{self.name}")
        return module.read, module.seeds


READERS = {
    reader.name: reader
    for reader in (
        # Short inputs, since most of what can be wrong takes few signs, and more of them are read.
        Reader("tunes", ["musicgen.notation", "musicgen.corpus", "musicgen.rendering"], most_bytes=192),
        Reader(
            "places",
            [*_COMPILED, "musicgen.model.inputs"],
            untraced=(),
            most_bytes=128,
            most_seconds=5.0,
            is_compiled=False,
        ),
        Reader("configs", ["musicgen"], most_bytes=8192, holds_json=True),
        Reader("runs", ["musicgen.records"], most_bytes=16384, most_seconds=5.0, holds_json=True),
    )
}
