"""Compiled functions on all threads on which torch computes here.

torch's threads wait for work in a loop, which keeps their cores busy: others beside them would halve the
speed of both. So this asks OpenMP, to which they belong, as compiled C does where it meets a parallel region.
GNU's library and those of LLVM and Intel know that call.
"""

import ctypes
import sys
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from torch import Tensor

from musicgen.system.compiled_code import CompiledForC, compiled

_CALLS = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
_LOOKS = 5000
"""Some 10 µs: how often a thread looks for the others before it offers its core to whoever else wants it."""

_compiled = compiled()

_thread_number: Any = types.ExternalFunction("omp_get_thread_num", types.int32())
_number_of_threads: Any = types.ExternalFunction("omp_get_num_threads", types.int32())
_offer_core: Any = types.ExternalFunction("sched_yield", types.int32())


def _type_arrive(_context: Any, arrivals: Any) -> Any:
    """As numba asks: the types of `_arrive`, which adds 1 to what stands at an address, and its code."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(arrivals), generate


def _type_look(_context: Any, arrivals: Any) -> Any:
    """The same of `_look`, which tells what stands there now."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(place, "seq_cst", 8)

    return types.int64(arrivals), generate


_arrive: Any = intrinsic(_type_arrive)
_look: Any = intrinsic(_type_look)


@cache
def _openmp() -> ctypes.CDLL:
    """What this process has loaded, OpenMP among it."""
    return ctypes.CDLL(None)


def has_team() -> bool:
    """Whether this process has an OpenMP that can be asked."""
    return sys.platform == "linux" and all(hasattr(_openmp(), name) for name in _CALLS)


@_compiled
def share(number: int) -> tuple[int, int]:
    """In compiled code: the first of so many things that this thread does, and the one behind its last."""
    thread, threads = _thread_number(), _number_of_threads()
    return number * thread // threads, number * (thread + 1) // threads


@_compiled
def barrier(arrivals: int, turn: int) -> None:
    """In compiled code: wait until all threads are here.

    arrivals: the address of a number that was 0 before turn 0; every thread counts its turns. OpenMP's own
    barrier keeps a core for milliseconds. Where others compute, too, it takes them from the thread that it
    waits for: two trainings on two threads each, side by side on two cores, took three times as long.
    """
    all_here = (turn + 1) * _number_of_threads()
    _arrive(arrivals)
    looks = 0
    while _look(arrivals) < all_here:
        looks += 1
        if looks > _LOOKS:
            _offer_core()


def argument_record(names: str) -> np.dtype:
    """How a team function finds its arguments: `carray(address, 1, record)[0]` has these names."""
    return np.dtype([(name, np.int64) for name in names.split()])


class TeamFunction:
    """A function that every thread of the team calls, with the address of the same arguments."""

    def __init__(
        self, function: Callable[[Any], None], record: np.dtype, uses: Sequence[ModuleType] = ()
    ) -> None:
        """uses: modules whose compiled functions it calls."""
        self._function = CompiledForC(function, uses)
        self._names = record.names or ()

    def __call__(self, **arguments: int | Tensor) -> None:
        """Run it to its end.

        A tensor lies on the CPU, one element behind the other, and arrives as its address.
        """
        assert arguments.keys() == set(self._names), "the record names all of them"
        assert all(isinstance(each, int) or each.is_contiguous() for each in arguments.values())
        in_order = [arguments[name] for name in self._names]
        values = [each if isinstance(each, int) else each.data_ptr() for each in in_order]
        given = (ctypes.c_int64 * len(values))(*values)
        address = ctypes.c_void_p(self._function.address)
        _openmp().GOMP_parallel(address, given, torch.get_num_threads(), 0)
