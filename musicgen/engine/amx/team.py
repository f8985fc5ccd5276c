"""Runs a compiled function on all threads that torch uses in this process.

torch's threads wait for work in a busy loop, so that a second set of threads would halve the speed of both.
Those threads belong to OpenMP: this calls it as compiled C does for a parallel region, by GOMP_parallel. The
OpenMP libraries of GNU, LLVM and Intel all have that function.
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
_MAX_CHECKS = 5000
"""About 10 µs: how often a thread checks for the others before it yields its core."""

_compiled = compiled()

_thread_number: Any = types.ExternalFunction("omp_get_thread_num", types.int32())
_number_of_threads: Any = types.ExternalFunction("omp_get_num_threads", types.int32())
_yield_core: Any = types.ExternalFunction("sched_yield", types.int32())


def _type_arrive(_context: Any, arrivals: Any) -> Any:
    """Types and code of `_arrive`, which adds 1 to the number at an address, for numba's intrinsic."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(arrivals), generate


def _type_load(_context: Any, arrivals: Any) -> Any:
    """The same for `_load`, which reads it."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(place, "seq_cst", 8)

    return types.int64(arrivals), generate


_arrive: Any = intrinsic(_type_arrive)
_load: Any = intrinsic(_type_load)


@cache
def _openmp() -> ctypes.CDLL:
    """The libraries this process has loaded, OpenMP among them."""
    return ctypes.CDLL(None)


def has_team() -> bool:
    """Whether this process has loaded an OpenMP library with these functions."""
    return sys.platform == "linux" and all(hasattr(_openmp(), name) for name in _CALLS)


@_compiled
def share(number):
    """In compiled code: the range of `number` items that this thread computes, [first, last)."""
    thread, threads = _thread_number(), _number_of_threads()
    return number * thread // threads, number * (thread + 1) // threads


@_compiled
def barrier(arrivals, turn):
    """In compiled code: wait until all threads are here.

    arrivals: the address of a number that was 0 before turn 0; every thread counts its turns. OpenMP's own
    barrier keeps a core busy for milliseconds, at the cost of the thread it waits for if other processes
    compute too: two trainings on two threads each, side by side on two cores, took three times as long.
    """
    all_here = (turn + 1) * _number_of_threads()
    _arrive(arrivals)
    checks = 0
    while _load(arrivals) < all_here:
        checks += 1
        if checks > _MAX_CHECKS:
            _yield_core()


def argument_record(names: str) -> np.dtype:
    """The layout of a team function's arguments: `carray(address, 1, record)[0]` has these fields."""
    return np.dtype([(name, np.int64) for name in names.split()])


class TeamFunction:
    """A function that every thread calls with the address of the same arguments."""

    def __init__(
        self, function: Callable[[Any], None], record: np.dtype, uses: Sequence[ModuleType] = ()
    ) -> None:
        """uses: modules whose compiled functions it calls."""
        self._function = CompiledForC(function, uses)
        self._names = record.names or ()

    def __call__(self, **arguments: int | Tensor) -> None:
        """Run it to its end. Tensors must be contiguous and on the CPU, and are passed as addresses."""
        assert arguments.keys() == set(self._names), "the arguments are the fields of the record"
        assert all(isinstance(each, int) or each.is_contiguous() for each in arguments.values())
        in_order = [arguments[name] for name in self._names]
        values = [each if isinstance(each, int) else each.data_ptr() for each in in_order]
        given = (ctypes.c_int64 * len(values))(*values)
        address = ctypes.c_void_p(self._function.address)
        _openmp().GOMP_parallel(address, given, torch.get_num_threads(), 0)
