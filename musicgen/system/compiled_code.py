"""How functions over arrays are compiled: by numba at their first call, for the processor it finds.

The machine code is kept beside the function's file, and compiled again when that file changes. Where a
function calls compiled ones of other files, it names those modules in `uses`.
"""

import hashlib
import pickle
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import njit, types
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.ccallback import CFunc

_SETTINGS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(
    uses: Sequence[ModuleType] = (), **options: object
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator; options: of numba's njit, beside those that all functions here have."""
    settings: dict[str, Any] = {**_SETTINGS, **options}

    def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
        return _with_kept_code(njit(**settings)(function), function, uses)

    return compile_function


class CompiledForC:
    """A function that C can call with one address, compiled when its own address is first asked for."""

    def __init__(self, function: Callable[[int], None], uses: Sequence[ModuleType] = ()) -> None:
        callback = CFunc(function, ((types.voidptr,), types.void), {}, _SETTINGS)
        self._callback = _with_kept_code(callback, function, uses)

    @cached_property
    def address(self) -> int:
        """Where its machine code begins."""
        self._callback.compile()
        return self._callback.address


def _with_kept_code(compiler: Any, function: Callable[..., Any], uses: Sequence[ModuleType]) -> Any:
    # Where neither the function's folder nor the user's cache can be written, every process compiles.
    with suppress(RuntimeError):
        compiler._cache = _KeptCode(function, uses)
    return compiler


class CodeFiles(IndexDataCacheFile):
    """The machine code of one function: a file for each kind of arguments, named by all it depends on.

    numba's own way numbers the files, and an index says which number is for what. Processes that compile at
    once take the same number; what one finds there later may be code for other arguments, which it runs.
    """

    def __init__(self, folder: str, stem: str, source: object) -> None:
        """source: what changes with the function's file."""
        super().__init__(folder, stem, source)
        self._place, self._stem, self._source = Path(folder), stem, source

    def save(self, key: object, data: object) -> None:
        """Keep the code for these arguments on this processor; of several at once, the last stays."""
        content = self._dump((self._identity(key), data))
        # On a full disk every process compiles.
        with suppress(OSError), self._open_for_write(str(self._path(key))) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def load(self, key: object) -> object | None:
        """What was kept; None where nothing was, or the file is damaged."""
        try:
            kept = self._path(key).read_bytes()
        except OSError:
            return None
        digest, content = kept[:32], kept[32:]
        if hashlib.sha256(content).digest() != digest:
            return None
        identity, data = pickle.loads(content)
        return data if identity == self._identity(key) else None

    def _identity(self, key: object) -> str:
        return repr((self._version, self._source, key))

    def _path(self, key: object) -> Path:
        digest = hashlib.sha256(self._identity(key).encode()).hexdigest()[:16]
        return self._place / f"{self._stem}.{digest}.nbc"


class _KeptCode(FunctionCache):
    def __init__(self, function: Callable[..., Any], uses: Sequence[ModuleType]) -> None:
        super().__init__(function)
        files = [Path(str(module.__file__)).stat() for module in uses]
        source = self._impl.locator.get_source_stamp(), [(file.st_mtime, file.st_size) for file in files]
        self._cache_file = CodeFiles(self._cache_path, self._impl.filename_base, source)
