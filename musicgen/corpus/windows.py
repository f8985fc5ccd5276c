"""Training batches: windows at random positions of the training text, as in the MIT course's lab."""

import numpy as np

from musicgen.errors import InputError


class RandomWindows:
    """Draws batches of windows from one long text; windows may span several tunes.

    The order depends only on `generator`, whose state can be saved and restored between draws.
    """

    def __init__(
        self, rows: np.ndarray, batch_size: int, sequence_length: int, generator: np.random.Generator
    ) -> None:
        """rows: the network's input at each character, integers [text length, N]; the first is its token.

        Raises InputError unless the text has at least sequence_length + 1 characters.
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
        """A batch of windows, int64 [sequence_length + 1, batch_size, N].

        Inputs are the rows 0 to -2, targets the tokens of the rows 1 to -1.
        """
        last_start = len(self._rows) - len(self._offsets)
        starts = self.generator.integers(0, last_start, size=self._batch_size, endpoint=True)
        return self._rows[starts + self._offsets].astype(np.int64)
