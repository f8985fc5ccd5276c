"""Process-wide settings for computing: threads, memory, numbers near zero."""

import ctypes
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from musicgen.engine.waiting import patient_waits

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_INT = 2**31 - 1
_LARGE_PAGES_BYTES = 2**29
"""Several times what training a few million weights needs."""


@contextmanager
def computing_on(num_threads: int) -> Iterator[None]:
    """Use this many threads, and treat numbers below 1e-38, which slow processors down, as 0."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    torch.set_flush_denormal(True)
    keep_freed_memory()
    try:
        with patient_waits() if num_threads > 1 else nullcontext():
            yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)


def keep_freed_memory() -> None:
    """Make glibc keep freed memory for the rest of the process; without glibc, do nothing.

    It would return every larger tensor to the system and request new pages for the next one, which the system
    has to clear first: a tenth of a training step.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_INT)
        library.mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT)
        _take_large_pages(library)


def _take_large_pages(library: ctypes.CDLL) -> None:
    """Put the next tensors into pages of 2 MB, so that the processor's address cache covers more memory.

    A training step is 5 % faster if weights do not fit into a core's own cache.
    """
    library.malloc.restype = ctypes.c_void_p
    # Freed at once, the block stays at the end of the heap, from which the next ones come. It takes no memory
    # until it is written to.
    start = library.malloc(ctypes.c_size_t(_LARGE_PAGES_BYTES))
    if start is None:
        return
    first_page = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    length = start + _LARGE_PAGES_BYTES - first_page
    # A system without such pages refuses, which does no harm.
    library.madvise(ctypes.c_void_p(first_page), ctypes.c_size_t(length), mmap.MADV_HUGEPAGE)
    library.free(ctypes.c_void_p(start))
