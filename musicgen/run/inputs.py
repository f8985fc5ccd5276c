"""What a run reads of its corpus: text as the network reads it, tunes to score, tunes to compare with."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from musicgen.config import Config
from musicgen.corpus.corpus import TUNE_END, Corpus, load_corpus, training_text
from musicgen.corpus.excerpts import evenly_spaced, number_within
from musicgen.corpus.usable import forget_read, read_usable_tunes
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.corpus.windows import RandomWindows, Rows
from musicgen.errors import InputError
from musicgen.model.inputs import TextRows, text_rows
from musicgen.notation.spelling import spell_all
from musicgen.seeds import generator_for
from musicgen.training.config import TrainingConfig

if TYPE_CHECKING:
    from musicgen.metrics.comparison import Corpus as ComparedCorpus
    from musicgen.training.loss import EncodedTunes


MAX_STORED_CHARACTERS = 8_000_000
"""Longest training text whose input rows are kept in memory: 220 MB for the default network."""
MAX_SCORED_CHARACTERS = 2_000_000
"""Of training or test tunes with more text, about this much is scored, in tunes evenly spaced."""
_TUNES_AT_ONCE = 1000


@dataclass(frozen=True)
class RunInputs:
    """A corpus, and what a run derives from it, each part when it is first needed."""

    corpus: Corpus
    config: Config
    known_characters: str
    """Those that the network can read before it is trained."""
    known_cache: Path | None
    """The cache, if it existed when the run began."""

    @classmethod
    def read(cls, config: Config, *, known_characters: str = "") -> "RunInputs":
        """The inputs of a run with this config; raises InputError if the corpus does not exist."""
        return cls.of(load_corpus(config.data, config.paths.known_cache), config, known_characters)

    @classmethod
    def of(cls, corpus: Corpus, config: Config, known_characters: str = "") -> "RunInputs":
        """The inputs of a run with this config, whose corpus has been read."""
        return cls(corpus, config, known_characters, config.paths.known_cache)

    def keep(self) -> None:
        """Cache the tunes if there was no cache to read them from; they leave the memory for reading."""
        if self.known_cache is None:
            # The file may be gone, which this run does not need any more.
            with suppress(InputError):
                read_usable_tunes(self.config.data, Path(self.config.paths.cache))
        forget_read()

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The characters of the training tunes as the network spells them, and those it knows already."""
        return self._training_text[0]

    @cached_property
    def training_rows(self) -> Rows:
        """The embedding rows for the text of all training tunes, [T, N]: see model/inputs.py."""
        vocabulary, tokens, tune_starts = self._training_text
        if len(tokens) > MAX_STORED_CHARACTERS:
            return TextRows(self.config.model, vocabulary, tokens, tune_starts)
        return text_rows(self.config.model, vocabulary, tokens)

    @property
    def tune_starts(self) -> NDArray[np.int64]:
        """Where each training tune begins in that text: the index of the newline before it."""
        return self._training_text[2]

    @cached_property
    def _training_text(self) -> tuple[Vocabulary, NDArray[np.unsignedinteger], NDArray[np.int64]]:
        """The vocabulary, the tokens of the training text, and where each tune begins in it.

        Of the tunes as the network spells them nothing else is kept.
        """
        corpus, spelling = self.corpus, self.config.model.spelling
        spelled = spell_all(corpus.tunes, corpus.sha256, spelling, self.known_cache)
        tunes = [spelled[place] for place in corpus.split.train]
        vocabulary = Vocabulary.of(tunes, spelling, self.known_characters)
        parts = (tunes[start : start + _TUNES_AT_ONCE] for start in range(0, len(tunes), _TUNES_AT_ONCE))
        # The newline before a part's first tune ends the part before.
        texts = (training_text(part)[number > 0 :] for number, part in enumerate(parts))
        lengths = [len(tune) + len(TUNE_END) for tune in tunes]
        return vocabulary, vocabulary.encode_parts(texts), np.cumsum([0, *lengths[:-1]])

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
        """The training tunes that fit/train_loss is computed on, evenly spaced.

        evaluation.num_train_tunes of them; if that is None all, or as many as have MAX_SCORED_CHARACTERS.
        """
        tunes, number = self.corpus.part("train"), self.config.evaluation.num_train_tunes
        if number is None:
            number = number_within(tunes, MAX_SCORED_CHARACTERS)
        return self._encode(evenly_spaced(tunes, number))

    @cached_property
    def validation(self) -> "EncodedTunes":
        """The validation tunes that losses are computed on: all, or as many as the corpus says."""
        number = self.corpus.max_validation_tunes(self.config.data.validation_share)
        return self._encode(evenly_spaced(self.corpus.part("validation"), number))

    @cached_property
    def test(self) -> "EncodedTunes":
        """The test tunes: all, or as many as have MAX_SCORED_CHARACTERS, evenly spaced."""
        tunes = self.corpus.part("test")
        return self._encode(evenly_spaced(tunes, number_within(tunes, MAX_SCORED_CHARACTERS)))

    def _encode(self, tunes: Sequence[str]) -> "EncodedTunes":
        # Imported late: torch takes a second, and a mistyped corpus name should fail at once.
        from musicgen.training.loss import encode_tunes

        return encode_tunes(tunes, self.vocabulary, self.config.model)

    @cached_property
    def compared(self) -> "ComparedCorpus":
        """The tunes as the metrics see them; read together, since every split has the same ones."""
        from musicgen.metrics.comparison import Corpus as ComparedCorpus
        from musicgen.metrics.tunes import read_corpus

        tunes, split = read_corpus(self.corpus.tunes, Path(self.config.paths.cache)), self.corpus.split
        training, held_out = split.train, (*split.validation, *split.test)
        return ComparedCorpus.of([tunes[place] for place in training], [tunes[place] for place in held_out])
