"""The character at the same position in an earlier bar: what the text would continue with if it repeated it.

Each text has a pointer into the bar that is a given number of bars back. While the text repeats that bar
character by character, the pointer is at the next character. When the text departs from it, the pointer moves
to what begins at the same time in the bar. This is the lookback of melody models (Waite 2016, Magenta's
Lookback RNN), which there works on a grid of sixteenths.

Shapes: T characters, B texts, L distances in bars, N characters of the longest text so far.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musicgen.notation.place_state import BAR, NONE, RESET
from musicgen.system.compiled_code import compiled

NOTHING = 0
"""Returned as the token without a bar that far back, and after its end."""

_compiled = compiled()


class LookbackReader:
    """Reads many texts in parallel, one character at a time."""

    def __init__(self, num_texts: int, bars: Sequence[int]) -> None:
        """bars: one or more distances to look back, in bars."""
        self._bars = np.array(bars, np.int64)
        self._counts = np.zeros((num_texts, 3), np.int64)
        """Per text: characters, bars, and ticks of the current bar."""
        self._tokens = np.zeros((num_texts, 0), np.int32)
        self._ticks = np.zeros((num_texts, 0), np.int32)
        """Ticks of the bar before each character."""
        self._starts = np.zeros((num_texts, 0), np.int32)
        """Index of the first character of each bar."""
        self._pointers = np.full((num_texts, len(bars)), -1, np.int64)
        self._runs = np.zeros((num_texts, len(bars)), np.int64)

    def read(
        self, tokens: NDArray[np.int64], ticks: NDArray[np.int64], events: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read tokens [T, B]; returns two arrays [T, B, L] with the state after each.

        ticks [T, B]: length of the bar after each character; events [T, B]: its effect on the bars, as in
        place.py. Returns the tokens that repeating the earlier bar would continue with (or NOTHING), and the
        number of characters in a row that have repeated it.
        """
        needed = int(self._counts[:, 0].max(initial=0)) + len(tokens)
        if needed > self._tokens.shape[1]:
            # Doubling keeps the total cost of copying linear when characters arrive one at a time.
            more = max(needed, 2 * self._tokens.shape[1]) - self._tokens.shape[1]
            self._tokens, self._ticks, self._starts = (
                np.pad(array, ((0, 0), (0, more))) for array in (self._tokens, self._ticks, self._starts)
            )
        expected = np.empty((*tokens.shape, len(self._bars)), np.int64)
        runs = np.empty_like(expected)
        memory = (self._counts, self._tokens, self._ticks, self._starts, self._pointers, self._runs)
        _read(tokens, ticks, events, self._bars, *memory, expected, runs)
        return expected, runs

    def keep(self, texts: NDArray[np.int64]) -> None:
        """Drop all other texts."""
        self._counts, self._pointers, self._runs = (
            array[texts] for array in (self._counts, self._pointers, self._runs)
        )
        self._tokens, self._ticks, self._starts = (
            array[texts] for array in (self._tokens, self._ticks, self._starts)
        )


@_compiled
def _read(
    tokens: Any,
    ticks: Any,
    events: Any,
    bars: Any,
    counts: Any,
    written: Any,
    ticks_before: Any,
    starts: Any,
    pointers: Any,
    runs: Any,
    expected: Any,
    runs_then: Any,
) -> None:
    for t in range(tokens.shape[0]):
        for b in range(tokens.shape[1]):
            count, token, event = counts[b], tokens[t, b], events[t, b]
            written[b, count[0]] = token
            ticks_before[b, count[0]] = count[2]
            count[0] += 1
            count[2] = ticks[t, b]
            _follow(token, count, bars, written[b], ticks_before[b], starts[b], pointers[b], runs[b])
            if event != NONE:
                _change_bar(event, count, bars, starts[b], pointers[b], runs[b])
            for i in range(len(bars)):
                bar = count[1] - 1 - bars[i]
                is_known = bar >= 0 and pointers[b, i] < starts[b, bar + 1]
                expected[t, b, i] = written[b, pointers[b, i]] if is_known else NOTHING
                runs_then[t, b, i] = runs[b, i] if is_known else 0


@_compiled
def _follow(
    token: int, count: Any, bars: Any, written: Any, ticks_before: Any, starts: Any, pointers: Any, runs: Any
) -> None:
    """Move the pointers of a text past the new character."""
    for i in range(len(bars)):
        bar = count[1] - 1 - bars[i]
        if bar < 0:
            continue
        end = starts[bar + 1]
        if pointers[i] < end and written[pointers[i]] == token:
            pointers[i] += 1
            runs[i] += 1
        else:
            runs[i] = 0
            pointers[i] = starts[bar]
            while pointers[i] < end and ticks_before[pointers[i]] < count[2]:
                pointers[i] += 1


@_compiled
def _change_bar(event: int, count: Any, bars: Any, starts: Any, pointers: Any, runs: Any) -> None:
    """Begin a bar, move the start of the current one, or reset after the end of a tune."""
    if event == RESET:
        count[:] = 0
        pointers[:] = -1
        runs[:] = 0
        return
    if event == BAR:
        count[1] += 1
    if count[1] == 0:
        return
    starts[count[1] - 1] = count[0]
    for i in range(len(bars)):
        bar = count[1] - 1 - bars[i]
        if bar >= 0:
            pointers[i] = starts[bar]
