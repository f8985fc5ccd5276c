"""The one door to amx/, which computes all time steps in one call on a processor with AMX tiles.

That folder may be deleted: steps are then computed one by one, as on any other processor.
"""

import importlib
import logging
from importlib.util import find_spec
from typing import Any

import torch

log = logging.getLogger(__name__)


def _import_amx() -> Any:
    if find_spec("musicgen.engine.amx") is None:
        return None
    try:
        return importlib.import_module("musicgen.engine.amx.scans")
    except Exception as error:  # An unknown version of torch or numba may fail in any way.
        log.warning("AMX tiles are not used: %s", error)
        return None


_amx = _import_amx()


def scans_for(dtype: torch.dtype, hidden_size: int) -> Any | None:
    """The module amx.scans if it takes factors of this type and this many units here, else None."""
    return _amx if _amx is not None and _amx.can_scan(dtype, hidden_size) else None
