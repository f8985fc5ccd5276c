"""What the network reads at every character: N rows of its embedding, whose sum is the input.

The first row is the character's own. `bar_position` adds three: how much of the bar is filled, how much of it
is left, and which bar of its section it is. `lookback_bars` adds one per distance: the character at the same
place that many bars before, together with how long the text has repeated that bar. All of it follows from the
characters read so far, so the likelihood of a text is still the product of those of its characters, and
comparable between all networks.

Shapes: T time steps, B rows of a batch, V tokens of the vocabulary, N rows that are summed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.notation.lookback import LookbackReader
from musicgen.notation.place import PlaceReader
from musicgen.system.compiled_code import compiled

_compiled = compiled()
_STEPS_PER_UNIT = 12
"""Resolution of places in the bar, fine enough for halves, triplets and quarters of a unit note."""
_LONGEST_BAR = 16 * _STEPS_PER_UNIT
"""Bars of up to 16 units, plus one unit too many, have separate rows; anything beyond shares the last one."""
_ELAPSED_ROWS = 2 + _LONGEST_BAR
_LEFT_ROWS = 3 + _LONGEST_BAR + _STEPS_PER_UNIT
_SECTION_ROWS = 34
_POSITION_COLUMNS = 3
_POSITION_ROWS = _ELAPSED_ROWS + _LEFT_ROWS + _SECTION_ROWS
_RUN_LEVELS = (1, 4, 12)
"""Numbers of repeated characters from which a lookback has another row."""
_LEVELS = len(_RUN_LEVELS) + 1
_CHARACTERS_AT_ONCE = 16_384
"""Few enough for intermediate results to stay in the processor's cache."""


class RowBlock(NamedTuple):
    """Adjacent rows of the embedding."""

    num_rows: int
    """Of each token if is_per_token, else of the block."""
    is_per_token: bool
    """Whether every token has rows of its own: those of token 0 first."""


def row_blocks(config: ModelConfig) -> list[RowBlock]:
    """The blocks of the embedding, in their order."""
    position = [RowBlock(_POSITION_ROWS, is_per_token=False)] * config.bar_position
    return [RowBlock(1, True), *position, *[RowBlock(_LEVELS, True)] * len(config.lookback_bars)]


def num_rows(config: ModelConfig, vocabulary_size: int) -> int:
    """Number of rows of the embedding."""
    return sum(
        block.num_rows * (vocabulary_size if block.is_per_token else 1) for block in row_blocks(config)
    )


class InputReader:
    """Reads many texts in parallel, and returns the rows of the embedding for each of their characters."""

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, num_texts: int) -> None:
        """Start num_texts texts, as after an empty line."""
        self._vocabulary_size = vocabulary.size
        self._codes = np.array([0, *map(ord, vocabulary.characters)], np.int64)
        """Code point of each token; 0 for the unknown one."""
        self._has_position = config.bar_position
        self._place = PlaceReader(num_texts) if config.reads_more_than_characters else None
        lookback = config.lookback_bars
        self._lookback = LookbackReader(num_texts, lookback) if lookback else None
        self.num_columns = 1 + _POSITION_COLUMNS * config.bar_position + len(lookback)
        """N."""

    def read(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read tokens [T, B]; return the rows of the embedding [T, B, N]."""
        rows = np.empty((*tokens.shape, self.num_columns), np.int64)
        self.read_into(rows, tokens)
        return rows

    def read_into(self, rows: NDArray[np.signedinteger], tokens: NDArray[np.int64]) -> None:
        """Read tokens [T, B] and write what `read` returns into `rows` [T, B, N], integers of any size."""
        steps = max(1, _CHARACTERS_AT_ONCE // max(1, tokens.shape[1]))
        for start in range(0, len(tokens), steps):
            self._read_piece(rows[start : start + steps], tokens[start : start + steps])

    def _read_piece(self, rows: NDArray[np.signedinteger], tokens: NDArray[np.int64]) -> None:
        rows[..., 0] = tokens
        if self._place is None:
            return
        places, events = self._place.read(self._codes[tokens])
        column, first = 1, self._vocabulary_size
        if self._has_position:
            _put_position(rows, column, first, places)
            column, first = column + _POSITION_COLUMNS, first + _POSITION_ROWS
        if self._lookback is not None:
            expected, runs = self._lookback.read(tokens, places[..., 1], events)
            _put_lookback(rows, column, first, self._vocabulary_size, expected, runs)

    def keep(self, texts: NDArray[np.int64]) -> None:
        """Continue with these texts only; texts: their numbers."""
        for reader in (self._place, self._lookback):
            if reader is not None:
                reader.keep(texts)


def text_rows(config: ModelConfig, vocabulary: Vocabulary, tokens: NDArray[np.int64]) -> NDArray[np.int32]:
    """The rows [T, N] for one long text [T]."""
    reader = InputReader(config, vocabulary, 1)
    rows = np.empty((len(tokens), 1, reader.num_columns), np.int32)
    reader.read_into(rows, tokens[:, None])
    return rows[:, 0]


@_compiled
def _put_position(rows, column, first, places):
    """Write three rows for each place [T, B, 5]. The first row of each kind is for headers and free meter."""
    for t in range(places.shape[0]):
        for b in range(places.shape[1]):
            in_body, elapsed, bar, unit, number = places[t, b]
            elapsed_row = left_row = number_row = 0
            if in_body:
                unit = max(unit, 1)
                elapsed_row = 1 + min(elapsed * _STEPS_PER_UNIT // unit, _LONGEST_BAR)
                number_row = min(1 + number, _SECTION_ROWS - 1)
                if bar > 0:
                    left = (bar - elapsed) * _STEPS_PER_UNIT // unit
                    left_row = 2 + _STEPS_PER_UNIT + min(max(left, -_STEPS_PER_UNIT - 1), _LONGEST_BAR)
            rows[t, b, column] = first + elapsed_row
            rows[t, b, column + 1] = first + _ELAPSED_ROWS + left_row
            rows[t, b, column + 2] = first + _ELAPSED_ROWS + _LEFT_ROWS + number_row


@_compiled
def _put_lookback(rows, column, first, vocabulary_size, expected, runs):
    """Write a row per distance, from the expected token and the length of the repetition, each [T, B, L]."""
    for t in range(expected.shape[0]):
        for b in range(expected.shape[1]):
            for i in range(expected.shape[2]):
                level = 0
                for least in _RUN_LEVELS:
                    if runs[t, b, i] >= least:
                        level += 1
                token = i * vocabulary_size + expected[t, b, i]
                rows[t, b, column + i] = first + _LEVELS * token + level
