"""Training batches: windows of the training text, at random positions and at the beginnings of tunes."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from musicgen.errors import InputError


class Rows(Protocol):
    """Integers [T, N]: an array, or what is indexed like one by places [S, B] that run through the text."""

    def __len__(self) -> int: ...

    def __getitem__(self, places: Any, /) -> Any: ...


class RandomWindows:
    """Draws batches of windows from one long text, which is read as a circle; windows may span several tunes.

    The order depends only on `generator`, whose state can be saved and restored between draws.
    """

    def __init__(
        self,
        rows: Rows,
        batch_size: int,
        sequence_length: int,
        generator: np.random.Generator,
        tune_starts: Sequence[int] | NDArray[np.int64] = (0,),
        tune_start_share: float = 0.0,
    ) -> None:
        """rows: the network's input at each character, [text length, N]; the first is its token.

        tune_starts: index of the newline before each tune. tune_start_share: the share of windows that begin
        there, on average; the others begin anywhere. Raises InputError unless the text has at least
        sequence_length + 1 characters.
        """
        if len(rows) <= sequence_length:
            raise InputError(
                f"training.sequence_length={sequence_length}: the training text has {len(rows)} "
                f"characters; allowed are 1 to {len(rows) - 1}"
            )
        self.rows = rows
        self._batch_size = batch_size
        self.offsets = np.arange(sequence_length + 1)[:, None]
        self._tune_starts = np.asarray(tune_starts)
        self._tune_start_share = tune_start_share
        self.generator = generator

    def draw(self) -> np.ndarray:
        """A batch of windows, int64 [sequence_length + 1, batch_size, N].

        Inputs are the rows 0 to -2, targets the tokens of the rows 1 to -1.
        """
        places = (self.draw_starts() + self.offsets) % len(self.rows)
        return self.rows[places].astype(np.int64, copy=False)

    def draw_starts(self) -> NDArray[np.int64]:
        """Where the windows of such a batch begin in `rows`, int64 [batch_size]."""
        anywhere = self.generator.integers(0, len(self.rows), size=self._batch_size)
        at_tunes = self.generator.choice(self._tune_starts, size=self._batch_size)
        is_at_tune = self.generator.random(self._batch_size) < self._tune_start_share
        return np.where(is_at_tune, at_tunes, anywhere)
