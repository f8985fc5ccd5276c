"""Comparisons with a corpus of ABC texts, without abc2midi."""

from collections.abc import Sequence
from functools import partial

from musicgen.metrics.comparison import Corpus
from musicgen.metrics.evaluation import compare
from musicgen.metrics.reference import Reference
from musicgen.metrics.tunes import read_corpus

compared = partial(compare, runs_abc2midi=False)


def scale(sample_size: int, note_budget: int) -> Reference:
    """A reference that sets only the size of a sample."""
    return Reference(sample_size, note_budget, mean={}, sd={}, floor={})


def corpus_of(training: Sequence[str], held_out: Sequence[str]) -> Corpus:
    """The corpus of these texts."""
    return Corpus.of(read_corpus(training), read_corpus(held_out))
