"""The readers to fuzz. The worker imports them later, because Atheris instruments modules during import.

Each reader is a module of this package: `read` takes any bytes and may raise only InputError; `seeds` returns
valid inputs to start from.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CRASHES = Path("tests/soak/crashes")
"""Inputs that crashed a reader once; file names begin with the reader's name."""
_COMPILED = tuple(f"musicgen.notation.{name}" for name in ("place", "lookback", "plan", "repetition"))
"""Compiled by numba, so their branches cannot be counted."""


@dataclass(frozen=True)
class Reader:
    """A reader, and how to fuzz it."""

    name: str
    traced: Sequence[str]
    """Packages and modules whose branches are counted."""
    untraced: Sequence[str] = _COMPILED
    max_bytes: int = 4096
    max_seconds: float = 2.0
    """Processor time for one input."""
    contains_json: bool = False
    """Whether inputs are also mutated as JSON, with mutations.py."""
    is_compiled: bool = True
    """Whether numba compiles. If not, its code is traced, and raises errors that compiled code hides."""

    def load(self) -> tuple[Callable[[bytes], None], Callable[[], list[bytes]]]:
        """Import the module; returns its `read` and `seeds`."""
        module = importlib.import_module(f"tests.soak.fuzzing.{self.name}")
        return module.read, module.seeds


READERS = {
    reader.name: reader
    for reader in (
        # Short inputs: most errors need only a few characters, and more inputs can be read.
        Reader("tunes", ["musicgen.notation", "musicgen.corpus", "musicgen.rendering"], max_bytes=192),
        Reader(
            "places",
            [*_COMPILED, "musicgen.model.inputs"],
            untraced=(),
            max_bytes=128,
            max_seconds=5.0,
            is_compiled=False,
        ),
        Reader("configs", ["musicgen"], max_bytes=8192, contains_json=True),
        Reader("runs", ["musicgen.records"], max_bytes=16384, max_seconds=5.0, contains_json=True),
    )
}
