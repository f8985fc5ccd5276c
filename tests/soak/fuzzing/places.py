"""Reader of bar positions, plans and lookbacks, alone and in a batch, at once and in pieces."""

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
    lookback_statements=2,
    notes="degrees",
    form_plan=True,
)
_VOCABULARY = Vocabulary.of(map(chr, range(32, 127)))


def read(content: bytes) -> None:
    """Read a text as the network does; rows must exist in the embedding and not depend on batch or pieces."""
    tokens = _VOCABULARY.encode(content.decode("latin-1"))
    if not len(tokens):
        return
    with np.errstate(over="raise"):
        expected = InputReader(_MODEL, _VOCABULARY, 1).read(tokens[:, None])
        rows = num_rows(_MODEL, _VOCABULARY.size)
        assert expected.min() >= 0 and expected.max() < rows, "outside the embedding's rows"
        # Again in two pieces, the first of them in a batch with another text.
        half = len(tokens) // 2
        reader = InputReader(_MODEL, _VOCABULARY, 2)
        first = reader.read(np.stack([tokens[:half], tokens[:half][::-1]], axis=1))
        reader.keep(np.array([0]))
        second = reader.read(tokens[half:, None])
    assert (first[:, 0] == expected[:half, 0]).all() and (second[:, 0] == expected[half:, 0]).all()
