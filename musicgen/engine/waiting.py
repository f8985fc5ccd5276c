"""Keeps the threads of this process from spinning for each other while other programs need the cores.

torch's threads belong to OpenMP. Between two products they spin for milliseconds, which is fastest on an idle
machine. On a busy one it is slow: the thread that all wait for gets no core, because the others burn theirs.
GNU's OpenMP spins 3000 times less before it sleeps if a process has more OpenMP threads than there are cores
(https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html). So while our threads have to wait for cores,
one more thread keeps an idle team. That changes how threads wait, but no result.
"""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INTERVAL_SECONDS = 0.2
_CONTENDED_SHARE = 0.1
"""Of the time, summed over the threads: up to 0.03 on an idle machine, above 0.3 next to a busy program."""
_TASKS = Path("/proc/self/task")


@contextmanager
def patient_waits() -> Iterator[None]:
    """While it is open, spin only while the cores are free. Does nothing without GNU's OpenMP on Linux."""
    if not (sys.platform == "linux" and hasattr(ctypes.CDLL(None), "GOMP_parallel") and _TASKS.is_dir()):
        yield
        return
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(over,), name="patient waits", daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def _watch(over: threading.Event) -> None:
    crowd: _Crowd | None = None
    before, started = _waited_seconds(), time.monotonic()
    while not over.wait(_INTERVAL_SECONDS):
        waited, now = _waited_seconds(), time.monotonic()
        is_contended = waited - before > _CONTENDED_SHARE * (now - started)
        before, started = waited, now
        if is_contended and crowd is None:
            crowd = _Crowd()
        elif not is_contended and crowd is not None:
            crowd.close()
            crowd = None
    if crowd is not None:
        crowd.close()


def _waited_seconds() -> float:
    """How long the threads of this process, added up, were ready to run but had no core."""
    nanoseconds = 0
    for task in _TASKS.iterdir():
        try:
            # Time on a core, time of waiting for one, time slices (Documentation/scheduler/sched-stats.rst).
            nanoseconds += int((task / "schedstat").read_bytes().split()[1])
        except (OSError, IndexError):
            continue  # It has just ended.
    return nanoseconds / 1e9


class _Crowd:
    """A team of as many idle threads as there are cores, which ends with the thread that made it."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="crowd", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        library = ctypes.CDLL(None)
        # free(NULL) does nothing, on every thread.
        library.GOMP_parallel(library.free, None, os.cpu_count() or 1, 0)
        self._over.wait()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
