"""The tunes of the benchmarks: the default corpus, split as a run splits it."""

from functools import cache

import numpy as np

from musicgen.config import compose_config
from musicgen.corpus.corpus import Corpus, load_corpus, training_text


@cache
def default_corpus() -> Corpus:
    """O'Neill's from music21's files, uncleaned, as `experiment=lab` reads it."""
    return load_corpus(compose_config(["experiment=lab"]).data)


@cache
def training_tokens() -> np.ndarray:
    """The training text of the default corpus, int64 [number of characters]."""
    corpus = default_corpus()
    return corpus.vocabulary.encode(training_text(corpus.part("train")))


def repeated_tokens(num_characters: int) -> np.ndarray:
    """A text of this length, int64: the training text again and again. A step depends on its length alone."""
    return np.resize(training_tokens(), num_characters)


def describe_corpus() -> str:
    """The default corpus's name and size."""
    corpus = default_corpus()
    return (
        f"{corpus.name} ({len(corpus.part('train')):,} training tunes, {len(training_tokens()):,} "
        f"characters, a vocabulary of {corpus.vocabulary.size})"
    )
