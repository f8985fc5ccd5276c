"""How functions over arrays are compiled: by numba at their first call, for the processor it finds.

The machine code is kept beside the function's file. numba sees when that file changes, and not when another
one does: whatever a compiled function calls stands in its own file.
"""

import hashlib
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile


def compiled(**options: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator; options: of numba's njit, beside those that all functions here have."""
    settings: dict[str, Any] = {"nogil": True, "error_model": "numpy", **options}

    def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
        dispatcher: Any = njit(**settings)(function)
        # Where neither the function's folder nor the user's cache can be written, every process compiles.
        with suppress(RuntimeError):
            dispatcher._cache = _KeptCode(function)
        return dispatcher

    return compile_function


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
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = CodeFiles(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )
