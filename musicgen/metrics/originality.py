"""Originality: does the network compose, or does it recite its training tunes?

A *copy* is a run of notes that also occurs in a training tune. As written, it compares pitches (longest copy,
novelty) or pitches and durations (copied share); transposed, it compares steps in semitones, or steps and the
duration of their second note. A run of m equal steps is a copy of m + 1 notes. All metrics raise
UnmeasurableError for no tunes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.suffix_array import Matches, PassageIndex
from musicgen.metrics.tunes import mean
from musicgen.notation.melodies import Integers, Melody

COPY_NOTES = 16
"""Minimum length of a shared run to count as copied: two bars of quavers in common time."""
NOVELTY_NOTES = 8
_NO_TUNES = "no tune has a note"
_PITCH_BITS = 8


def is_copy(num_notes: float) -> bool:
    """Whether a run of this many notes, found in a training tune in any key, counts as copied."""
    return num_notes >= COPY_NOTES


@dataclass(frozen=True)
class Copies:
    """The runs that one tune shares with the training tunes: of pitches, notes, steps, and timed steps."""

    num_notes: int
    pitches: Matches
    notes: Matches
    steps: Matches
    note_steps: Matches

    @property
    def longest_copy(self) -> int:
        """Length in notes of the longest run of pitches found in a training tune."""
        return self.pitches.longest()

    @property
    def longest_transposed_copy(self) -> int:
        """Length in notes of the longest run found in any key; 1 if no step is shared."""
        return min(self.steps.longest() + 1, self.num_notes)

    @property
    def has_copy(self) -> bool:
        """Whether 16 notes in a row or more are found in a training tune, in any key."""
        return is_copy(self.longest_transposed_copy)

    @cached_property
    def copied(self) -> NDArray[np.bool_]:
        """Which notes are in a copy of pitches and durations of at least 16 notes, shape (notes,)."""
        return self.notes.covered(COPY_NOTES)

    @cached_property
    def copied_transposed(self) -> NDArray[np.bool_]:
        """The same in any key, ignoring the duration of a copy's first note; shape (notes,)."""
        is_step_copied = self.note_steps.covered(COPY_NOTES - 1)
        is_copied = np.zeros(self.num_notes, bool)
        is_copied[:-1] |= is_step_copied
        is_copied[1:] |= is_step_copied
        return is_copied

    @property
    def novel(self) -> NDArray[np.bool_]:
        """For each run of 8 pitches, whether no training tune has it; shape (max(notes - 7, 0),)."""
        return self.pitches.lengths[: max(self.num_notes - NOVELTY_NOTES + 1, 0)] < NOVELTY_NOTES


@dataclass(frozen=True, slots=True)
class TrainingIndex:
    """An index of training tunes to find copies."""

    pitches: PassageIndex
    notes: PassageIndex
    steps: PassageIndex
    note_steps: PassageIndex

    @classmethod
    def build(cls, melodies: Sequence[Melody]) -> "TrainingIndex":
        """Index the training melodies."""
        return cls(
            PassageIndex([melody.pitches for melody in melodies]),
            PassageIndex([_notes(melody) for melody in melodies]),
            PassageIndex([melody.intervals for melody in melodies]),
            PassageIndex([_note_steps(melody) for melody in melodies]),
        )

    def restricted(self, is_kept: NDArray[np.bool_]) -> "TrainingIndex":
        """The index of a subset of the tunes, which keep their numbers; is_kept: shape (tunes,)."""
        parts = (self.pitches, self.notes, self.steps, self.note_steps)
        return TrainingIndex(*(part.restricted(is_kept) for part in parts))

    def find(self, melodies: Sequence[Melody]) -> list[Copies]:
        """The copies in each melody, in the same order."""
        found = zip(
            melodies,
            self.pitches.match([melody.pitches for melody in melodies]),
            self.notes.match([_notes(melody) for melody in melodies]),
            self.steps.match([melody.intervals for melody in melodies]),
            self.note_steps.match([_note_steps(melody) for melody in melodies]),
            strict=True,
        )
        return [Copies(len(melody), *matches) for melody, *matches in found]

    def longest_copies(self, melodies: Sequence[Melody]) -> list[int]:
        """The longest copy in each melody, in notes; faster than `find`."""
        return [matches.longest() for matches in self.pitches.match([melody.pitches for melody in melodies])]


def longest_copy(copies: Sequence[Copies]) -> float:
    """Longest run of pitches found in a training tune, in notes; median over tunes."""
    return _median([one.longest_copy for one in copies])


def longest_transposed_copy(copies: Sequence[Copies]) -> float:
    """Longest run of steps found in a training tune, in notes; median over tunes."""
    return _median([one.longest_transposed_copy for one in copies])


def copied_share(copies: Sequence[Copies]) -> float:
    """Share of all notes inside a copy of at least 16 notes, pitch and duration as written, in [0, 1].

    Lower is better, down to the value of the corpus.
    """
    return mean(_joined([one.copied for one in copies]), _NO_TUNES)


def transposed_copied_share(copies: Sequence[Copies]) -> float:
    """Share of all notes inside a copy of at least 16 notes in any key; otherwise like `copied_share`."""
    return mean(_joined([one.copied_transposed for one in copies]), _NO_TUNES)


def novelty_8(copies: Sequence[Copies]) -> float:
    """Share of the runs of 8 pitches that no training tune has, in [0, 1].

    Raises UnmeasurableError if no tune has 8 notes.
    """
    return mean(_joined([one.novel for one in copies]), f"no tune has {NOVELTY_NOTES} notes")


def _notes(melody: Melody) -> Integers:
    return melody.durations << _PITCH_BITS | melody.pitches


def _note_steps(melody: Melody) -> Integers:
    return melody.durations[1:] << _PITCH_BITS | melody.intervals + 2 ** (_PITCH_BITS - 1)


def _median(lengths: Sequence[int]) -> float:
    mean(lengths, _NO_TUNES)
    return float(np.median(lengths))


def _joined(parts: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return np.concatenate(parts) if parts else np.zeros(0, bool)
