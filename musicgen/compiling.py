"""How functions over arrays are compiled: by numba at their first call, for the processor it finds.

The machine code is kept beside the function's file. numba sees when that file changes, and not when another
one does: whatever a compiled function calls stands in its own file.
"""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator; options: of numba's njit, beside those that all functions here have."""
    settings: dict[str, Any] = {"nogil": True, "error_model": "numpy", **options}

    def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(cache=True, **settings)(function)
        except RuntimeError:
            # Neither the function's folder nor the user's cache can be written: compile in every process.
            return njit(**settings)(function)

    return compile_function
