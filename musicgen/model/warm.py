"""Imported for its effect: compiled code gets ready, for this process and for all that are forked from it."""

import numpy as np

from musicgen.model.kernels import add_rows
from musicgen.notation.lookback import LookbackReader
from musicgen.notation.place import PlaceReader

add_rows(np.zeros((1, 1), np.float32), np.zeros(1, np.int64), np.zeros((1, 1), np.float32))
_codes = np.zeros((1, 1), np.int64)
_places, _events = PlaceReader(1).read(_codes)
LookbackReader(1, [1]).read(_codes, _places[..., 1], _events)
