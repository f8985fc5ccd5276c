"""What a run reads of its corpus: text as the network reads it, tunes to score, tunes to compare with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from musicgen.config import Config
from musicgen.corpus.corpus import TUNE_END, Corpus, load_corpus, training_text
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.corpus.windows import RandomWindows
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import text_rows
from musicgen.seeds import generator_for
from musicgen.training.config import TrainingConfig

if TYPE_CHECKING:
    from musicgen.metrics.comparison import Corpus as ComparedCorpus
    from musicgen.training.loss import EncodedTunes


@dataclass(frozen=True)
class RunInputs:
    """A corpus, and what a run derives from it, each part when it is first needed."""

    corpus: Corpus
    model: ModelConfig
    """Only its input features matter here."""
    num_train_tunes: int | None
    cache: Path
    known_characters: str = ""
    """Those that the network can read before it is trained."""

    @classmethod
    def read(cls, config: Config, *, known_characters: str = "") -> "RunInputs":
        """The inputs of a run with this config; raises InputError if the corpus does not exist."""
        return cls.of(load_corpus(config.data, config.paths.known_cache), config, known_characters)

    @classmethod
    def of(cls, corpus: Corpus, config: Config, known_characters: str = "") -> "RunInputs":
        """The inputs of a run with this config, whose corpus has been read."""
        return cls(
            corpus=corpus,
            model=config.model,
            num_train_tunes=config.evaluation.num_train_tunes,
            cache=Path(config.paths.cache),
            known_characters=known_characters,
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The characters of the training tunes as the network spells them, and those it knows already."""
        return Vocabulary.of(self._training_tunes, self.model.spelling, self.known_characters)

    @cached_property
    def _training_tunes(self) -> list[str]:
        """The training tunes as the network spells them."""
        return [self.model.spelling.spell(tune) for tune in self.corpus.part("train")]

    @cached_property
    def training_rows(self) -> NDArray[np.int32]:
        """The embedding rows for the text of all training tunes, [T, N]: see model/inputs.py."""
        tokens = self.vocabulary.encode(training_text(self._training_tunes))
        return text_rows(self.model, self.vocabulary, tokens)

    @cached_property
    def tune_starts(self) -> NDArray[np.int64]:
        """Where each training tune begins in that text: the index of the newline before it."""
        lengths = [len(tune + TUNE_END) for tune in self._training_tunes]
        return np.cumsum([0, *lengths[:-1]])

    def windows(self, training: TrainingConfig, seed: int) -> RandomWindows:
        """The batches of a training; raises InputError if the text is shorter than a window."""
        return RandomWindows(
            self.training_rows,
            training.batch_size,
            training.sequence_length,
            generator_for(seed, "batches"),
            self.tune_starts,
            training.tune_start_share,
        )

    @cached_property
    def train(self) -> "EncodedTunes":
        """The training tunes that fit/train_loss is computed on: all, or num_train_tunes evenly spaced."""
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
        # Imported late: torch takes a second, and a mistyped corpus name should fail at once.
        from musicgen.training.loss import encode_tunes

        return encode_tunes(tunes, self.vocabulary, self.model)

    @cached_property
    def compared(self) -> "ComparedCorpus":
        """The tunes as the metrics see them; read together, since every split has the same ones."""
        from musicgen.metrics.comparison import Corpus as ComparedCorpus
        from musicgen.metrics.tunes import read_corpus

        tunes, split = read_corpus(self.corpus.tunes, self.cache), self.corpus.split
        training, held_out = split.train, (*split.validation, *split.test)
        return ComparedCorpus.of([tunes[place] for place in training], [tunes[place] for place in held_out])
