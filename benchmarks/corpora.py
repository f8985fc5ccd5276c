"""The tunes that are measured on: those of the default corpus, split as a run splits them."""

from functools import cache

import numpy as np

from musicgen.config import compose_config
from musicgen.corpus.corpus import Corpus, load_corpus, training_text


@cache
def default_corpus() -> Corpus:
    """O'Neill's as it stands in music21's files, as `experiment=lab` reads it: nothing cleaned away."""
    return load_corpus(compose_config(["experiment=lab"]).data)


@cache
def training_tokens() -> np.ndarray:
    """The training text of the default corpus, int64 [number of characters]."""
    corpus = default_corpus()
    return corpus.vocabulary.encode(training_text(corpus.part("train")))


def describe_corpus() -> str:
    """Its name and size in a few words."""
    corpus = default_corpus()
    return (
        f"{corpus.name} ({len(corpus.part('train')):,} training tunes, {len(training_tokens()):,} "
        f"characters, a vocabulary of {corpus.vocabulary.size})"
    )
