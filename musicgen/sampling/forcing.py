"""Makes sampled tunes follow their prompts, step by step."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musicgen.sampling.prompts import FREE_LINE

_OVER = -2


class ForcedText:
    """The position of each tune in its prompt, which may leave lines to the network."""

    def __init__(self, prompts: Sequence[NDArray[np.int64]], newline: int, device: torch.device) -> None:
        """prompts: the encoded prompt of each tune; newline: the token that ends a line."""
        # [B, longest prompt + 1]: the last column always says that the prompt is over.
        table = np.full((len(prompts), max(map(len, prompts)) + 1), _OVER, dtype=np.int64)
        for row, tokens in zip(table, prompts, strict=True):
            row[: len(tokens)] = tokens
        self._table = torch.from_numpy(table).to(device)
        self._places = torch.zeros(len(prompts), 1, dtype=torch.int64, device=device)
        self._newline = newline
        self._are_over = torch.zeros(len(prompts), dtype=torch.bool, device=device)
        self.is_over = False
        """Whether every tune was known to have passed its prompt at the last `check`."""

    def apply(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The tokens to write instead of these, int64 [B], and which of them the prompts forced, bool [B]."""
        prompted = self._table.gather(1, self._places).squeeze(1)
        is_forced = prompted >= 0
        ends_line = (prompted == FREE_LINE) & (chosen == self._newline)
        self._places += (is_forced | ends_line)[:, None]
        self._are_over = prompted == _OVER
        return torch.where(is_forced, prompted, chosen), is_forced

    def check(self) -> None:
        """Look whether every tune has passed its prompt, which waits for a GPU."""
        self.is_over = self.is_over or bool(self._are_over.all())

    def keep(self, rows: Tensor) -> None:
        """Drop all other tunes; rows: int64 [new B]."""
        if not self.is_over:
            self._table, self._places = self._table[rows], self._places[rows]
