"""How a process computes: threads, memory, numbers near zero."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_INT = 2**31 - 1


@contextmanager
def computing_on(num_threads: int) -> Iterator[None]:
    """Compute on so many threads, and treat numbers below 1e-38 as 0, which processors are slow with."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    torch.set_flush_denormal(True)
    keep_freed_memory()
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, as far as it is in use here, for the rest of the process.

    It would give every larger tensor back to the system and take new pages for the next one, which the system
    must clear first: a tenth of a training step.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGEST_INT)
            mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT)
