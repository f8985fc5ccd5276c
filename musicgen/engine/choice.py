"""Which engine computes a network on the CPU. Imports neither torch nor numba."""

import importlib
import logging
from functools import cache
from typing import Literal

log = logging.getLogger(__name__)

Engine = Literal["native", "torch"]
"""native: this package, for LSTM and GRU. torch: any recurrent module of torch's own, only slower."""

Precision = Literal["fp32", "bf16"]
"""fp32: 32 bits everywhere. bf16 (native only): factors of matrix products are rounded to bfloat16, which has
8 bits of mantissa, and summed in 32 bits; gates kept for the backward pass are rounded too. Weights, their
updates, states and losses keep 32 bits."""


@cache
def usable_engine(engine: Engine) -> Engine:
    """The engine, or torch with a warning if the installed torch or numba lacks what native needs."""
    if engine == "native":
        try:
            importlib.import_module("musicgen.engine.recurrence")
        except Exception as error:  # An unknown version may fail in any way.
            log.warning("training.engine=torch takes the place of native, whose import fails: %s", error)
            return "torch"
    return engine
