"""What runs read of a corpus: text as the network reads it, tunes to be scored, tunes to compare with.

All of it is the same for every run with the same corpus, split and kind of input, so it can be read ahead: by
the process that the jobs of a sweep are forked from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from musicgen.config import Config
from musicgen.corpus.corpus import Corpus, load_corpus, training_text
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import text_rows

if TYPE_CHECKING:
    from musicgen.metrics.comparison import Corpus as ComparedCorpus
    from musicgen.training.loss import EncodedTunes


@dataclass(frozen=True)
class Material:
    """A corpus, and what is worked out from it where somebody asks."""

    corpus: Corpus
    model: ModelConfig
    """Of which only what it reads beside characters matters."""
    num_train_tunes: int | None
    cache: Path

    @cached_property
    def training_rows(self) -> NDArray[np.int32]:
        """The rows of the embedding for the text of all training tunes, [T, N]: see inputs.py."""
        corpus = self.corpus
        tokens = corpus.vocabulary.encode(training_text(corpus.part("train")))
        return text_rows(self.model, corpus.vocabulary, tokens)

    @cached_property
    def train(self) -> "EncodedTunes":
        """The training tunes whose loss is taken at the end: all, or so many at equal distances."""
        tunes, number = self.corpus.part("train"), self.num_train_tunes
        if number is None or number >= len(tunes):
            return self._encode(tunes)
        return self._encode([tunes[place * len(tunes) // number] for place in range(number)])

    @cached_property
    def validation(self) -> "EncodedTunes":
        """All validation tunes."""
        return self._encode(self.corpus.part("validation"))

    @cached_property
    def test(self) -> "EncodedTunes":
        """All test tunes."""
        return self._encode(self.corpus.part("test"))

    def _encode(self, tunes: Sequence[str]) -> "EncodedTunes":
        # torch takes a second to import, which those should not wait for who named no corpus that there is.
        from musicgen.training.loss import encode_tunes

        return encode_tunes(tunes, self.corpus.vocabulary, self.model)

    @cached_property
    def compared(self) -> "ComparedCorpus":
        """The tunes as the metrics see them: read together, since every split has the same ones."""
        from musicgen.metrics.comparison import Corpus as ComparedCorpus
        from musicgen.metrics.tunes import read_corpus

        tunes, split = read_corpus(self.corpus.tunes, self.cache), self.corpus.split
        training, held_out = split.train, (*split.validation, *split.test)
        return ComparedCorpus.of([tunes[place] for place in training], [tunes[place] for place in held_out])


def material_of(config: Config) -> Material:
    """What a run with this config reads; raises InputError where there is no such corpus."""
    return Material(
        corpus=load_corpus(config.data, config.paths.known_cache),
        model=config.model,
        num_train_tunes=config.evaluation.num_train_tunes,
        cache=Path(config.paths.cache),
    )
