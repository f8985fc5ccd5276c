"""Training batches: windows at random places of the training text, as in the course's lab."""

import numpy as np

from musicgen.errors import InputError


class RandomWindows:
    """Draws batches of windows from one long row of tokens; a window may cross from one tune into the next.

    The order depends on `generator` alone, whose state can be saved and restored between two draws.
    """

    def __init__(
        self, tokens: np.ndarray, batch_size: int, sequence_length: int, generator: np.random.Generator
    ) -> None:
        """Take int64 tokens [text length], which must hold at least sequence_length + 1 of them."""
        if len(tokens) <= sequence_length:
            raise InputError(
                f"training.sequence_length={sequence_length}: the training text has {len(tokens)} "
                f"characters; allowed are 1 to {len(tokens) - 1}"
            )
        self._tokens = tokens
        self._batch_size = batch_size
        self._offsets = np.arange(sequence_length + 1)[:, None]
        self.generator = generator

    def draw(self) -> np.ndarray:
        """Tokens [sequence_length + 1, batch_size]: rows 0 to -2 are the inputs, rows 1 to -1 the targets."""
        last_start = len(self._tokens) - len(self._offsets)
        starts = self.generator.integers(0, last_start, size=self._batch_size, endpoint=True)
        return self._tokens[starts + self._offsets]
