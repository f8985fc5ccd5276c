"""A corpus as a run uses it: tunes, split, vocabulary, and a report on reading and cleaning."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from musicgen.corpus.config import DataConfig
from musicgen.corpus.exclusion import exclude_near_duplicates
from musicgen.corpus.headers import HeaderFields
from musicgen.corpus.splits import Split, split_by_group
from musicgen.corpus.tunebook import describe_reading
from musicgen.corpus.usable import read_usable_tunes
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.errors import InputError
from musicgen.seeds import generator_for

MAX_VOCABULARY = 10_000
"""Limit of distinct characters; the network has an embedding and an output row for each."""
MAX_VALIDATION_CHARACTERS = 1_000_000
"""Of a corpus with more validation text, about this much is scored, in tunes evenly spaced."""
TUNE_END = "\n\n"
"""Ends every tune in the training text: a newline and a blank line."""


@dataclass(frozen=True)
class CorpusReport:
    """Counts from reading and cleaning."""

    tunes_read: int
    dropped: dict[str, int]
    """Reason -> number of dropped tunes."""
    num_cut: int
    """Tunes read with more music below an empty line, which is dropped."""
    num_tunes: int
    num_train: int
    num_validation: int
    num_test: int
    num_near_duplicates: int
    """Tunes in a group of at least two."""
    characters_read: int
    characters: int
    """Characters of the tunes kept, after cleaning, without the blank lines between them."""
    vocabulary_size: int
    unknown_characters: int
    """Characters of validation and test tunes outside the vocabulary."""
    dropped_marks: dict[str, int]
    """Kind of mark outside the melody -> how many cleaning removed from the tunes read."""

    def lines(self) -> list[str]:
        """What became of the tunes that were read, a fact to a line."""
        marks = ", ".join(f"{count:,} {kind}" for kind, count in self.dropped_marks.items())
        return [
            f"{describe_reading(self.tunes_read, self.dropped, self.num_cut)}; "
            f"{self.num_tunes} kept, {self.num_near_duplicates} of them near-duplicates kept in one split",
            f"{self.num_train} train, {self.num_validation} validation, {self.num_test} test tunes; "
            f"{self.characters:,} of {self.characters_read:,} characters kept, "
            f"vocabulary of {self.vocabulary_size}, {self.unknown_characters} held-out characters outside it",
            *([f"cleaning removed {marks}"] if marks else []),
        ]


@dataclass(frozen=True)
class Corpus:
    """Tunes in the order of their files, and how they are split."""

    name: str
    tunes: tuple[str, ...]
    groups: tuple[int, ...]
    """A group number for each tune; near-duplicates share it."""
    split: Split
    vocabulary: Vocabulary
    report: CorpusReport

    @cached_property
    def sha256(self) -> str:
        """The digest of all cleaned tunes, in their order."""
        return hashlib.sha256("\n\n".join(self.tunes).encode()).hexdigest()

    @cached_property
    def headers(self) -> HeaderFields:
        """The header fields of the training tunes."""
        return HeaderFields.of(self.part("train"))

    def max_validation_tunes(self, validation_share: float) -> int | None:
        """How many validation tunes losses are computed on; None for all of them.

        It bounds the validations of a large corpus, each of which would take as long as a hundred steps. It
        does not depend on how the tunes are split.
        """
        characters = self.report.characters
        if characters * validation_share <= MAX_VALIDATION_CHARACTERS:
            return None
        return self.report.num_tunes * MAX_VALIDATION_CHARACTERS // characters

    def part(self, name: str) -> list[str]:
        """The tunes of "train", "validation" or "test"."""
        return [self.tunes[index] for index in getattr(self.split, name)]

    def summary(self) -> dict[str, object]:
        """Name, digest, report and header fields, as for run.json."""
        report, headers = asdict(self.report), asdict(self.headers)
        return {"name": self.name, "sha256": self.sha256, **report, "headers": headers}


def _num_unknown(tunes: Sequence[str], vocabulary: Vocabulary) -> int:
    """Characters of the tunes outside the vocabulary."""
    known = set(vocabulary.characters)
    return sum(tune.count(character) for tune in tunes for character in set(tune) - known)


def training_text(tunes: Iterable[str]) -> str:
    """The tunes as one text, with a blank line after each, beginning with the newline before the first."""
    return "".join(["\n", *(tune + TUNE_END for tune in tunes)])


def split_tunes(groups: Sequence[int], config: DataConfig) -> Split:
    """The split of a corpus; groups: the group number of each tune."""
    generator = generator_for(config.split_seed, "split")
    return split_by_group(groups, config.validation_share, config.test_share, generator)


def load_corpus(config: DataConfig, cache_dir: Path | None = None) -> Corpus:
    """Read, clean, de-duplicate and split a corpus. Raises InputError if it cannot be used.

    `cache_dir`, if given, caches the slow part, which does not depend on the split.
    """
    read = exclude_near_duplicates(read_usable_tunes(config, cache_dir), config, cache_dir)
    tunes, groups = read.tunes, read.groups
    split = split_tunes(groups, config)
    for part in ("train", "validation", "test"):
        if not getattr(split, part):
            dropped = "".join(f"; dropped: {count} {reason}" for reason, count in read.dropped.items())
            raise InputError(
                f"data={config.name}: {len(tunes)} usable tunes are too few to split: {part} is empty "
                f"(validation_share={config.validation_share}, test_share={config.test_share}{dropped})"
            )
    vocabulary = Vocabulary.of(tunes[index] for index in split.train)
    if vocabulary.size > MAX_VOCABULARY:
        raise InputError(
            f"data={config.name}: the training tunes use {vocabulary.size - 1:,} different characters; "
            f"at most {MAX_VOCABULARY:,} are allowed"
        )
    held_out = [tunes[index] for index in (*split.validation, *split.test)]
    group_sizes = Counter(groups)
    report = CorpusReport(
        tunes_read=read.tunes_read,
        dropped=read.dropped,
        num_cut=read.num_cut,
        num_tunes=len(tunes),
        num_train=len(split.train),
        num_validation=len(split.validation),
        num_test=len(split.test),
        num_near_duplicates=sum(size for size in group_sizes.values() if size > 1),
        characters_read=read.characters_read,
        characters=sum(map(len, tunes)),
        vocabulary_size=vocabulary.size,
        unknown_characters=_num_unknown(held_out, vocabulary),
        dropped_marks=read.dropped_marks,
    )
    return Corpus(config.name, tuple(tunes), tuple(groups), split, vocabulary, report)
