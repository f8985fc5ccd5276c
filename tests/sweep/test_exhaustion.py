import errno

import pytest

from musicgen.errors import InputError
from musicgen.sweep.exhaustion import count_memory_kills, is_exhaustion, mentions_exhaustion


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    "error",
    [
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        caused(InputError("abc2midi cannot be run"), BlockingIOError(errno.EAGAIN, "no process")),
    ],
)
def test_errors_of_exhaustion_are_recognised(error: Exception) -> None:
    assert is_exhaustion(error)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), RuntimeError("shapes"), InputError("no such file")]
)
def test_other_errors_are_not_exhaustion(error: Exception) -> None:
    assert not is_exhaustion(error)


def test_messages_of_libraries_are_recognised() -> None:
    assert mentions_exhaustion("libgomp: Thread creation failed: Resource temporarily unavailable")
    assert not mentions_exhaustion("Segmentation fault")


def test_memory_kills_are_counted() -> None:
    assert count_memory_kills() >= 0
