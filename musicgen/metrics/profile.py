"""The notes of many tunes in one array, and what similarity compares, counted once for all of them.

A corpus has thousands of tunes and each is short: counting over all notes at once is many times faster than
tune by tune.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.distributions import Distribution, pitch_ngrams
from musicgen.metrics.tunes import Integers, Melody, UnmeasurableError

MAX_INTERVAL = 12
NUM_PITCHES = 128


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of some tunes, one tune after the other."""

    num_notes: Integers
    """Of each tune, shape (tunes,)."""
    tunes: Integers
    """The tune of each note, shape (notes,)."""
    pitches: Integers
    relative_pitch_classes: Integers
    """Counted from the tonic of K:, thus free of the key."""
    durations: Integers

    @classmethod
    def of(cls, melodies: Sequence[Melody]) -> "Notes":
        """Join these tunes, each of which has notes; raises UnmeasurableError for no tune."""
        if not melodies:
            raise UnmeasurableError("no tune has a note")
        num_notes = np.array([len(melody) for melody in melodies])
        assert num_notes.all(), "a tune without notes"
        tunes = np.repeat(np.arange(len(melodies)), num_notes)
        pitches = np.concatenate([melody.pitches for melody in melodies])
        tonics = np.array([melody.tonic for melody in melodies])
        durations = np.concatenate([melody.durations for melody in melodies])
        return cls(num_notes, tunes, pitches, (pitches - tonics[tunes]) % 12, durations)

    def intervals(self) -> tuple[Integers, Integers]:
        """Semitones from note to note inside the tunes, and the tune of each; both of shape (steps,)."""
        is_inside = self.tunes[1:] == self.tunes[:-1]
        return np.diff(self.pitches)[is_inside], self.tunes[1:][is_inside]

    def ngrams(self, n: int) -> tuple[Integers, Integers]:
        """Codes of the runs of n pitches inside the tunes, and the tune of each; both of shape (runs,)."""
        codes = pitch_ngrams(self.pitches, n)
        is_inside = self.tunes[: len(codes)] == self.tunes[n - 1 :]
        return codes[is_inside], self.tunes[n - 1 :][is_inside]


@dataclass(frozen=True, slots=True)
class Profile:
    """The notes of some tunes in numbers."""

    pitches: Distribution
    relative_pitch_classes: Distribution
    intervals: Distribution
    """In semitones; steps beyond an octave count as an octave."""
    durations: Distribution
    transitions: Distribution
    """Pairs of successive pitches: 128 times the first, plus the second."""
    num_notes: Integers
    """Of each tune, shape (tunes,)."""
    ranges: Integers
    """Highest less lowest pitch of each tune in semitones, shape (tunes,)."""
    mean_intervals: NDArray[np.float64]
    """Mean step size in semitones, shape (tunes of more than one note,)."""

    @classmethod
    def of(cls, melodies: Sequence[Melody]) -> "Profile":
        """Count the notes of these tunes, each of which has some; raises UnmeasurableError for no tune."""
        notes = Notes.of(melodies)
        first_notes = np.cumsum(notes.num_notes) - notes.num_notes
        highest = np.maximum.reduceat(notes.pitches, first_notes)
        lowest = np.minimum.reduceat(notes.pitches, first_notes)
        steps, tunes_of_steps = notes.intervals()
        step_sums = np.bincount(tunes_of_steps, np.abs(steps), minlength=len(melodies))
        has_steps = notes.num_notes > 1
        return cls(
            pitches=Distribution.of(notes.pitches),
            relative_pitch_classes=Distribution.of(notes.relative_pitch_classes),
            intervals=Distribution.of(np.clip(steps, -MAX_INTERVAL, MAX_INTERVAL)),
            durations=Distribution.of(notes.durations),
            transitions=Distribution.of(notes.ngrams(2)[0]),
            num_notes=notes.num_notes,
            ranges=highest - lowest,
            mean_intervals=step_sums[has_steps] / (notes.num_notes[has_steps] - 1),
        )

    def transition_matrix(self) -> Integers:
        """How often each pitch follows each, shape (128, 128), row the first of the two."""
        counts = np.zeros(NUM_PITCHES**2, np.int64)
        counts[self.transitions.codes] = self.transitions.counts
        return counts.reshape(NUM_PITCHES, NUM_PITCHES)
