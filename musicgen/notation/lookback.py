"""What stood at the same place of an earlier bar: what a repetition would write next.

For every text a pointer goes along with the bar some bars before the present one. While the text repeats that
bar, character by character, the pointer stands on the next one; where it departs, the pointer moves on to
what begins at the same time of the bar. Known as lookback in melody models (Waite 2016, Magenta's Lookback
RNN), there on a grid of sixteenths.

Shapes: T characters, B texts, L distances in bars, N characters of the longest text so far.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musicgen.notation.place import BAR, NONE, RESET
from musicgen.system.compiled_code import compiled

NOTHING = 0
"""Stands for a token where no bar lies so far back, or it is at its end."""

_compiled = compiled()


class LookbackReader:
    """Follows the earlier bars of many texts, one character after the other."""

    def __init__(self, num_texts: int, bars: Sequence[int]) -> None:
        """Start before the first character; bars: how far to look back, one number or more."""
        self._bars = np.array(bars, np.int64)
        self._counts = np.zeros((num_texts, 3), np.int64)
        """Of each text: characters, bars, and ticks of the present bar."""
        self._tokens = np.zeros((num_texts, 0), np.int32)
        self._ticks = np.zeros((num_texts, 0), np.int32)
        """Of the bar before each character."""
        self._starts = np.zeros((num_texts, 0), np.int32)
        """Number of the first character of each bar."""
        self._pointers = np.full((num_texts, len(bars)), -1, np.int64)
        self._runs = np.zeros((num_texts, len(bars)), np.int64)

    def read(
        self, tokens: NDArray[np.int64], ticks: NDArray[np.int64], events: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read characters [T, B] at their places; after each, what a repetition would write, [T, B, L].

        ticks [T, B]: of the bar, behind each character; events [T, B]: what it did to the bars (place.py).
        Returns the tokens (NOTHING where there is none), and how many in a row have come as a repetition had
        them.
        """
        needed = int(self._counts[:, 0].max(initial=0)) + len(tokens)
        if needed > self._tokens.shape[1]:
            # Twice as much, so that reading one at a time copies each character a few times at most.
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
        """Go on with these texts alone."""
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
    """Move the pointers of a text past the character that has come."""
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
    """Begin a bar, move the beginning of the present one, or forget a tune that has ended."""
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
