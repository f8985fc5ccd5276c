"""The readers of places and lookbacks: alone and side by side, at once and in pieces, within their tables."""

import numpy as np

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import InputReader, num_rows
from tests.soak.fuzzing.tunes import seeds

__all__ = ["read", "seeds"]

_MODEL = ModelConfig(
    cell="gru",
    hidden_size=8,
    num_layers=1,
    embedding_size=8,
    dropout=0.0,
    bar_position=True,
    lookback_bars=[1, 2, 64],
)
_VOCABULARY = Vocabulary.of(map(chr, range(32, 127)))


def read(content: bytes) -> None:
    """Read a text character by character as the network does."""
    tokens = _VOCABULARY.encode(content.decode("latin-1"))
    if not len(tokens):
        return
    with np.errstate(over="raise"):
        whole = InputReader(_MODEL, _VOCABULARY, 1).read(tokens[:, None])
        rows = num_rows(_MODEL, _VOCABULARY.size)
        assert whole.min() >= 0 and whole.max() < rows, "outside the embedding's rows"
        # A text beside another one, which ends first, and in two pieces.
        half = len(tokens) // 2
        reader = InputReader(_MODEL, _VOCABULARY, 2)
        first = reader.read(np.stack([tokens[:half], tokens[:half][::-1]], axis=1))
        reader.keep(np.array([0]))
        second = reader.read(tokens[half:, None])
    assert (first[:, 0] == whole[:half, 0]).all() and (second[:, 0] == whole[half:, 0]).all()
