"""Imported for its effect: compiled code gets ready, for this process and for all that are forked from it."""

import numpy as np

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.engine.kernels import add_rows
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import InputReader, text_rows

add_rows(np.zeros((1, 1), np.float32), np.zeros(1, np.int64), np.zeros((1, 1), np.float32))
_config = ModelConfig("gru", 1, 1, 1, 0.0, bar_position=True, lookback_bars=[1])
# Of a single character numba would take every array for a whole one, and compile once more for the others.
_vocabulary, _tokens = Vocabulary("\n"), np.ones(2, np.int64)
# Once for training texts, whose rows are shorter numbers, once for tunes.
text_rows(_config, _vocabulary, _tokens)
InputReader(_config, _vocabulary, 1).read(_tokens[:, None])
