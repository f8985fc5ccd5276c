"""A trained network that reads one character at a time, for many texts at once.

Shapes: B texts, V tokens of the vocabulary, N rows of the embedding that are read at a character (inputs.py).
"""

import torch
from torch import Tensor

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.inputs import InputReader
from musicgen.model.network import CharacterNetwork, State, select_rows


class Stepper:
    """Scores the next character of every text, and keeps their states."""

    def __init__(self, network: CharacterNetwork, vocabulary: Vocabulary, num_texts: int) -> None:
        """Start num_texts texts from fresh states."""
        self._inputs = InputReader(network.config, vocabulary, num_texts)
        self._reads_more = network.config.reads_more_than_characters
        self._device = network.embedding.weight.device
        if network.is_native():
            from musicgen.engine import products, stepping

            weights = network.recurrent, network.embedding.weight, network.output
            dtype = products.DTYPES[network.precision]
            self._reader = stepping.NativeStepper(*weights, dtype, num_texts, reads_more=self._reads_more)
        else:
            self._reader = _ModuleStepper(network)

    @torch.no_grad()
    def __call__(self, tokens: Tensor) -> Tensor:
        """Read a token of every text, [B]; return the scores of their next ones, [B, V]."""
        rows = tokens[None, :, None]
        if self._reads_more:
            rows = torch.from_numpy(self._inputs.read(tokens[None].cpu().numpy())).to(self._device)
        return self._reader.read(rows)

    @torch.no_grad()
    def keep(self, rows: Tensor) -> None:
        """Continue with these texts only; rows: their numbers, int64."""
        self._inputs.keep(rows.cpu().numpy())
        self._reader.keep(rows)


class _ModuleStepper:
    """Steps by the network's own forward."""

    def __init__(self, network: CharacterNetwork) -> None:
        self._network = network
        self._state: State | None = None

    def read(self, rows: Tensor) -> Tensor:
        """Read one character of every text, as rows [1, B, N] of the embedding; return scores [B, V]."""
        scores, self._state = self._network(rows, self._state)
        return scores[0]

    def keep(self, rows: Tensor) -> None:
        assert self._state is not None
        self._state = select_rows(self._state, rows)
