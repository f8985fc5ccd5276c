"""Compiles functions over arrays with numba, at their first call, for the current processor.

The machine code is cached next to the function's file and recompiled when that file changes. A function that
calls compiled functions of other files names those modules in `uses`. Without numba the functions run as
plain Python, which is slow.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from types import ModuleType
from typing import Any

log = logging.getLogger(__name__)

njit: Any = None
types: Any = None
try:
    from numba import njit, types
except ImportError as error:
    log.warning("numba cannot be imported, and plain Python takes its place, which is slow: %s", error)
KeptCode: Any = None
if njit is not None:
    try:
        from musicgen.system.kept_code import KeptCode
    except Exception as error:  # An unknown version of numba may fail in any way.
        log.warning("this numba cannot keep machine code, and every process compiles anew: %s", error)

_SETTINGS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(
    uses: Sequence[ModuleType] = (), **options: object
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator; `options` are numba's njit options, added to those used for all functions."""
    settings: dict[str, Any] = {**_SETTINGS, **options}

    def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
        if njit is None:
            return function
        return _with_kept_code(njit(**settings)(function), function, uses)

    return compile_function


class CompiledForC:
    """A function that C can call with one pointer argument, compiled when its address is first requested."""

    def __init__(self, function: Callable[[int], None], uses: Sequence[ModuleType] = ()) -> None:
        # numba.cfunc is public, but takes no cache of ours.
        from numba.core.ccallback import CFunc

        callback = CFunc(function, ((types.voidptr,), types.void), {}, _SETTINGS)
        self._callback = _with_kept_code(callback, function, uses)

    @cached_property
    def address(self) -> int:
        """The address of the machine code."""
        self._callback.compile()
        return self._callback.address


def _with_kept_code(compiler: Any, function: Callable[..., Any], uses: Sequence[ModuleType]) -> Any:
    # If neither the function's folder nor the user's cache is writable, every process compiles.
    with suppress(RuntimeError):
        if KeptCode is not None:
            compiler._cache = KeptCode(function, uses)
    return compiler
