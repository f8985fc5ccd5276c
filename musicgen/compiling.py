"""How functions over arrays are compiled: by numba at their first call, for the processor it finds.

The machine code is kept beside the function's file. numba sees when that file changes, and not when another
one does: whatever a compiled function calls stands in its own file.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

log = logging.getLogger(__name__)


class _KeptCode(FunctionCache):
    """numba's own, which trusts its files: a crash may have cut them off, and a disk may be full."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        # numba names files by number, and the index first: killed before the code is written, it would take
        # that of an older source under the same name for the new one's.
        files = self._cache_file
        source = hashlib.sha256(repr(files._source_stamp).encode()).hexdigest()[:8]
        files._data_name_pattern = f"{self._impl.filename_base}.{source}.{{number:d}}.nbc"

    def load_overload(self, sig: object, target_context: Any) -> object:
        """The machine code for these types; None, so that it is compiled, where it is not there whole."""
        try:
            return super().load_overload(sig, target_context)
        # Half a pickle raises anything.
        except Exception as error:
            log.warning("%s: damaged, compiled anew: %s", self._name, error)
            try:
                self.flush()
            except OSError:
                self.disable()
            return None

    def save_overload(self, sig: object, data: object) -> None:
        """Keep the machine code, if the disk takes it."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            log.warning("%s: compiled code is not kept: %s", self._name, error)


def compiled(**options: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator; options: of numba's njit, beside those that all functions here have."""
    settings: dict[str, Any] = {"nogil": True, "error_model": "numpy", **options}

    def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
        dispatcher = njit(**settings)(function)
        try:
            dispatcher._cache = _KeptCode(function)
        except RuntimeError:
            # Neither the function's folder nor the user's cache can be written: compile in every process.
            log.debug("%s: compiled code is not kept", function)
        return dispatcher

    return compile_function
