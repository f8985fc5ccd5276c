"""How a process computes: threads, memory, numbers near zero."""

import ctypes
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_INT = 2**31 - 1
_LARGE_PAGES_BYTES = 2**29
"""What training with some million weights works in, several times over."""


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
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_INT)
        library.mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT)
        _take_large_pages(library)


def _take_large_pages(library: ctypes.CDLL) -> None:
    """Let the next tensors lie in pages of 2 MB, of which the processor knows more by heart than of 4 KB.

    Where weights do not fit into a core's own cache a training step takes 5 % less.
    """
    library.malloc.restype = ctypes.c_void_p
    # What is freed at once stays at the end of the heap, which is taken from next. Until something is written
    # there it is addresses and no memory.
    start = library.malloc(ctypes.c_size_t(_LARGE_PAGES_BYTES))
    if start is None:
        return
    first_page = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    length = start + _LARGE_PAGES_BYTES - first_page
    # A system without such pages refuses, and everything is as before.
    library.madvise(ctypes.c_void_p(first_page), ctypes.c_size_t(length), mmap.MADV_HUGEPAGE)
    library.free(ctypes.c_void_p(start))
