import errno

import pytest

from musicgen.errors import InputError
from musicgen.sweep.exhaustion import count_memory_kills, is_exhaustion, tells_exhaustion


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
        caused(InputError("abc2midi cannot be run"), BlockingIOError(errno.EAGAIN, "no process")),
    ],
)
def test_a_machine_without_threads_or_memory_is_recognised(error: Exception) -> None:
    assert is_exhaustion(error)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), RuntimeError("shapes"), InputError("no such file")]
)
def test_other_failures_are_the_jobs_own(error: Exception) -> None:
    assert not is_exhaustion(error)


def test_last_words_of_a_library_are_recognised() -> None:
    assert tells_exhaustion("libgomp: Thread creation failed: Resource temporarily unavailable")
    assert not tells_exhaustion("Segmentation fault")


def test_kills_for_memory_are_counted_where_the_system_says() -> None:
    assert count_memory_kills() >= 0
