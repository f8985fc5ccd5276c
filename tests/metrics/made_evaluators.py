"""Evaluators for a corpus of ABC texts, without abc2midi."""

from collections.abc import Sequence

from musicgen.metrics.comparison import Corpus
from musicgen.metrics.evaluation import Evaluator
from musicgen.metrics.reference import Reference
from musicgen.metrics.tunes import read_corpus


def scale(sample_size: int, note_budget: int) -> Reference:
    """A reference that sets only the size of a sample."""
    return Reference(sample_size, note_budget, mean={}, sd={}, floor={})


def evaluator_of(
    reference: Reference, training: Sequence[str], held_out: Sequence[str], *, seed: int = 0
) -> Evaluator:
    """An evaluator for a corpus of these texts."""
    corpus = Corpus.of(read_corpus(training), read_corpus(held_out))
    return Evaluator(reference, corpus, seed=seed, runs_abc2midi=False)
