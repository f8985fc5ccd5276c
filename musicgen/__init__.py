"""Sweeps of recurrent networks on folk tunes in ABC notation that say which change did what.

The functions and classes in `__all__` are for notebooks and scripts; docs/python.md shows them in use. They
are imported on first use, so `import musicgen` takes milliseconds.
"""

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musicgen.api import (
        InputError,
        PianoRoll,
        Run,
        Score,
        Sound,
        Tunes,
        compare,
        evaluate,
        judge,
        load_run,
        load_runs,
        measure,
        sample,
        train,
        train_sweep,
    )

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "PianoRoll",
    "Run",
    "Score",
    "Sound",
    "Tunes",
    "compare",
    "evaluate",
    "judge",
    "load_run",
    "load_runs",
    "measure",
    "sample",
    "train",
    "train_sweep",
]

# numpy solves small equations here only. Two threads share one in less time than they take to meet, and where
# other runs keep the cores busy each waits for the other: up to five times the processor time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if sys.platform == "darwin":
    # torch reads this at its import: what Apple's MPS lacks is then computed on the CPU, with one warning.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")


class _Package(ModuleType):
    """The package, in which `musicgen.train` is always the function of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        # Importing the module of the command, musicgen.train, would replace the function.
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("musicgen.api"), name)


def __dir__() -> list[str]:
    # What tab completion shows.
    return [*__all__, "__version__"]
