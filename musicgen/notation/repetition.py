"""Which periods a text has stated several times in a row, so that a network need not be offered them again.

A period of p bars has been stated n times when the last (n - 1) p bars each equal the bar p before. Bars are
equal if their notes, lengths and signs are, whatever the spaces, line breaks and bar lines.

Shapes: T characters, B texts.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from musicgen.notation.place_state import BAR, NONE, RESET
from musicgen.system.compiled_code import compiled

MAX_PERIOD = 16
"""Longest period in bars."""

_compiled = compiled()
_KEPT_BARS = 32
"""Power of two of at least MAX_PERIOD + 1."""
_HASH, _BARS, _FIRST_BAR = 0, 1, 2
_FIRST_RUN = _FIRST_BAR + _KEPT_BARS
_NUM_FIELDS = _FIRST_RUN + MAX_PERIOD + 1
_BREAK, _SPACE, _COLON, _LINE = ord("\n"), ord(" "), ord(":"), ord("|")
_FACTOR = 1_000_003
_MODULUS = 2**31 - 1


class RepetitionReader:
    """Reads many texts in parallel, one character at a time."""

    def __init__(self, num_texts: int, limit: int) -> None:
        """limit: statements in a row after which a period is exhausted."""
        self._limit = limit
        self._states = np.zeros((num_texts, _NUM_FIELDS), np.int64)

    def read(self, codes: NDArray[np.int64], events: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read code points [T, B] with their effects on the bars (place.py).

        Returns the exhausted periods after each character, [T, B]: bit p is set for a period of p bars.
        """
        exhausted = np.empty(codes.shape, np.int64)
        _read(self._states, codes, events, self._limit, exhausted)
        return exhausted

    def keep(self, texts: NDArray[np.int64]) -> None:
        """Drop all other texts."""
        self._states = self._states[texts]


@_compiled
def _read(states: Any, codes: Any, events: Any, limit: int, exhausted: Any) -> None:
    for b in range(codes.shape[1]):
        state, bits = states[b], _exhausted(states[b], limit)
        for t in range(codes.shape[0]):
            code, event = codes[t, b], events[t, b]
            if code not in (_BREAK, _SPACE, _COLON, _LINE):
                state[_HASH] = (state[_HASH] * _FACTOR + code) % _MODULUS
            if event == RESET:
                state[:] = 0
                bits = 0
            elif event == BAR:
                _end_bar(state)
                bits = _exhausted(state, limit)
            elif event != NONE:
                state[_HASH] = 0
            exhausted[t, b] = bits


@_compiled
def _end_bar(state: Any) -> None:
    """Compare the bar that ends with the last MAX_PERIOD bars; no bar equals the header, bar 0."""
    number = state[_BARS]
    for period in range(1, MAX_PERIOD + 1):
        earlier = state[_FIRST_BAR + (number - period) % _KEPT_BARS]
        is_equal = number > period and earlier == state[_HASH]
        state[_FIRST_RUN + period] = state[_FIRST_RUN + period] + 1 if is_equal else 0
    state[_FIRST_BAR + number % _KEPT_BARS] = state[_HASH]
    state[_BARS] = number + 1
    state[_HASH] = 0


@_compiled
def _exhausted(state: Any, limit: int) -> int:
    bits = 0
    for period in range(1, MAX_PERIOD + 1):
        if state[_FIRST_RUN + period] >= (limit - 1) * period:
            bits |= 1 << period
    return bits
