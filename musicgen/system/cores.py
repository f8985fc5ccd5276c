"""The cores of the machine, and work on all of them by forked processes where a process can fork safely."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def num_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_forked(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The result of each item, in their order, on all cores or one after the other in this process.

    The processes have whatever `work` refers to; only results are sent. Elsewhere than on Linux and beside
    other threads this process does not fork, nor if the system has too few processes or too little memory.
    """
    num_processes = min(num_cores(), len(items))
    if sys.platform != "linux" or threading.active_count() > 1 or num_processes < 2:
        return [work(item) for item in items]
    others = set(active_children())
    places = range(len(items))
    try:
        with ProcessPoolExecutor(num_processes, get_context("fork"), _inherit, (work, items)) as pool:
            return list(pool.map(_work_on, places))
    except (BrokenProcessPool, BlockingIOError, MemoryError):
        for process in set(active_children()) - others:
            process.kill()
            process.join()
        return [work(item) for item in items]


_inherited: tuple[Callable, Sequence]


def _inherit(work: Callable, items: Sequence) -> None:
    global _inherited
    _inherited = work, items
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process, which would wait for work forever, when the one that forked it was killed."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work_on(place: int) -> Any:
    work, items = _inherited
    return work(items[place])
