"""Training batches: windows at random places of the training text, as in the course's lab."""

import numpy as np

from musicgen.errors import InputError


class RandomWindows:
    """Draws batches of windows from one long text; a window may cross from one tune into the next.

    The order depends on `generator` alone, whose state can be saved and restored between two draws.
    """

    def __init__(
        self, rows: np.ndarray, batch_size: int, sequence_length: int, generator: np.random.Generator
    ) -> None:
        """Take what the network reads at each character, integers [text length, N], the first its token.

        The text must hold at least sequence_length + 1 characters.
        """
        if len(rows) <= sequence_length:
            raise InputError(
                f"training.sequence_length={sequence_length}: the training text has {len(rows)} "
                f"characters; allowed are 1 to {len(rows) - 1}"
            )
        self._rows = rows
        self._batch_size = batch_size
        self._offsets = np.arange(sequence_length + 1)[:, None]
        self.generator = generator

    def draw(self) -> np.ndarray:
        """Rows of windows, int64 [sequence_length + 1, batch_size, N].

        Of the characters 0 to -2 they are the inputs; the tokens of 1 to -1 are the targets.
        """
        last_start = len(self._rows) - len(self._offsets)
        starts = self.generator.integers(0, last_start, size=self._batch_size, endpoint=True)
        return self._rows[starts + self._offsets].astype(np.int64)
