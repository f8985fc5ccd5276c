"""What the network reads at every character: rows of its embedding, which are added up.

The first is the character's own. With `bar_position` there are three more: how much of the bar is filled, how
much of it is left, and which bar of its section it is. With `lookback_bars` there is one more for each of the
distances: what stands at the same place so many bars before, and how long the text has repeated that. All of
it follows from the characters read so far, so that the likelihood of a text stays the product of its
characters' and can be compared between all networks.

Shapes: T time steps, B rows of a batch, V tokens of the vocabulary, N rows that are added up.
"""

import numpy as np
from numpy.typing import NDArray

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.notation.lookback import LookbackReader
from musicgen.notation.place import PlaceReader

_STEPS_PER_UNIT = 12
"""Places in the bar are told apart to a twelfth of a unit note: halves, triplets, quarters."""
_LONGEST_BAR = 16 * _STEPS_PER_UNIT
"""A bar of 16 units, and one unit too many, have rows of their own; what lies beyond shares the last."""
_ELAPSED_ROWS = 2 + _LONGEST_BAR
_LEFT_ROWS = 3 + _LONGEST_BAR + _STEPS_PER_UNIT
_SECTION_ROWS = 34
_RUN_LEVELS = (1, 4, 12)
"""From so many repeated characters on a lookback has another row."""
_LEVELS = len(_RUN_LEVELS) + 1
_CHARACTERS_AT_ONCE = 16_384
"""Of one long text: what is worked out on the way stays in the cache of the processor."""


def num_rows(config: ModelConfig, vocabulary_size: int) -> int:
    """Rows of the embedding."""
    position = _ELAPSED_ROWS + _LEFT_ROWS + _SECTION_ROWS if config.bar_position else 0
    return vocabulary_size * (1 + _LEVELS * len(config.lookback_bars)) + position


class InputReader:
    """Reads many texts side by side, and gives the rows of the embedding for each of their characters."""

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, num_texts: int) -> None:
        """Start before the first character of so many texts, as behind an empty line."""
        self._vocabulary_size = vocabulary.size
        self._codes = np.array([0, *map(ord, vocabulary.characters)], np.int64)
        """Of the tokens; the unknown one has none."""
        self._has_position = config.bar_position
        self._place = PlaceReader(num_texts) if config.reads_more_than_characters else None
        lookback = config.lookback_bars
        self._lookback = LookbackReader(num_texts, lookback) if lookback else None

    def read(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read tokens [T, B]; return the rows of the embedding [T, B, N]."""
        parts = [tokens[..., None]]
        first = self._vocabulary_size
        if self._place is not None:
            places, events = self._place.read(self._codes[tokens])
            if self._has_position:
                parts.append(first + _position_rows(places))
                first += _ELAPSED_ROWS + _LEFT_ROWS + _SECTION_ROWS
            if self._lookback is not None:
                expected, runs = self._lookback.read(tokens, places[..., 1], events)
                levels = np.searchsorted(_RUN_LEVELS, runs, side="right")
                tables = np.arange(expected.shape[2]) * self._vocabulary_size * _LEVELS
                parts.append(first + tables + _LEVELS * expected + levels)
        return np.concatenate(parts, axis=2)

    def keep(self, texts: NDArray[np.int64]) -> None:
        """Go on with these texts alone; texts: their numbers."""
        for reader in (self._place, self._lookback):
            if reader is not None:
                reader.keep(texts)


def text_rows(config: ModelConfig, vocabulary: Vocabulary, tokens: NDArray[np.int64]) -> NDArray[np.int32]:
    """The rows [T, N] of one long text [T]."""
    reader = InputReader(config, vocabulary, 1)
    pieces = [
        reader.read(tokens[start : start + _CHARACTERS_AT_ONCE, None])[:, 0].astype(np.int32)
        for start in range(0, len(tokens), _CHARACTERS_AT_ONCE)
    ]
    return np.concatenate(pieces)


def _position_rows(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows [T, B, 3] of places [T, B, 5]; the first row of each kind stands for a header or a free meter."""
    in_body, elapsed, bar, unit, number = np.moveaxis(places, 2, 0)
    unit = np.maximum(unit, 1)
    elapsed_steps = np.minimum(elapsed * _STEPS_PER_UNIT // unit, _LONGEST_BAR)
    left_steps = np.clip((bar - elapsed) * _STEPS_PER_UNIT // unit, -_STEPS_PER_UNIT - 1, _LONGEST_BAR)
    return np.stack(
        [
            np.where(in_body, 1 + elapsed_steps, 0),
            _ELAPSED_ROWS + np.where(in_body & (bar > 0), left_steps + _STEPS_PER_UNIT + 2, 0),
            _ELAPSED_ROWS + _LEFT_ROWS + np.where(in_body, np.minimum(1 + number, _SECTION_ROWS - 1), 0),
        ],
        axis=2,
    )
