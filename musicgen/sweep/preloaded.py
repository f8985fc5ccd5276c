"""The last module that the fork server imports: it makes the server ready to fork jobs."""

import gc
import sys
from types import TracebackType

import numpy as np

from musicgen.engine.choice import usable_engine


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print no traceback if the system is out of processes: the launcher notices that, and says so."""
    if not isinstance(error, BlockingIOError):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _report
if usable_engine("native") == "native":
    from musicgen.engine.kernels import add_rows

    # The first call of compiled code starts numba, which takes half a second.
    add_rows(np.zeros((1, 1), np.float32), np.zeros(1, np.int64), np.zeros((1, 1), np.float32))
# A job that collects garbage need not search what it inherits, which would also copy that memory.
gc.freeze()
