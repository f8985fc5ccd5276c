"""Files with the machine code of compiled functions. Builds on numba's private classes."""

import hashlib
import pickle
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile


class CodeFiles(IndexDataCacheFile):
    """The machine code of one function: one file for each signature, named by a hash of its dependencies.

    numba itself numbers the files and keeps an index. Processes that compile at the same time take the same
    number, so that one of them may later load and run code compiled for other arguments.
    """

    def __init__(self, folder: str, stem: str, source: object) -> None:
        """Store files in `folder`; `source` changes whenever the function's file does."""
        super().__init__(folder, stem, source)
        self._place, self._stem, self._source = Path(folder), stem, source

    def save(self, key: object, data: object) -> None:
        """Store the code for this signature and processor; the last of several processes wins."""
        content = self._dump((self._identity(key), data))
        # If the disk is full, every process compiles.
        with suppress(OSError), self._open_for_write(str(self._path(key))) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def load(self, key: object) -> object | None:
        """Return the stored code, or None if there is none or the file is damaged."""
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


class KeptCode(FunctionCache):
    """The cache of one function, in place of numba's own."""

    def __init__(self, function: Callable[..., Any], uses: Sequence[ModuleType]) -> None:
        super().__init__(function)
        files = [Path(str(module.__file__)).stat() for module in uses]
        source = self._impl.locator.get_source_stamp(), [(file.st_mtime, file.st_size) for file in files]
        self._cache_file = CodeFiles(self._cache_path, self._impl.filename_base, source)
