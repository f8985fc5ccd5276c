"""The notes of many tunes in one array, and the distributions that similarity metrics compare.

A corpus has thousands of short tunes, so counting over all notes at once is many times faster than tune by
tune.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.distributions import Distribution, pitch_ngrams
from musicgen.metrics.tunes import UnmeasurableError
from musicgen.notation.melodies import Integers, Melody

MAX_INTERVAL = 12
NUM_PITCHES = 128


@dataclass(frozen=True, slots=True)
class Notes:
    """The concatenated notes of tunes; arrays of shape (notes,) unless stated otherwise."""

    num_notes: Integers
    """Notes of each tune, shape (tunes,)."""
    tunes: Integers
    """Index of each note's tune."""
    pitches: Integers
    relative_pitch_classes: Integers
    """Relative to the tonic of K:, so independent of the key."""
    durations: Integers

    @classmethod
    def of(cls, melodies: Sequence[Melody]) -> "Notes":
        """Concatenate tunes, which must have notes. Raises UnmeasurableError for no tunes."""
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
        """Semitones from note to note inside tunes, and the tune of each; both of shape (steps,)."""
        is_inside = self.tunes[1:] == self.tunes[:-1]
        return np.diff(self.pitches)[is_inside], self.tunes[1:][is_inside]

    def ngrams(self, n: int) -> tuple[Integers, Integers]:
        """Codes of the runs of n pitches inside tunes, and the tune of each; both of shape (runs,)."""
        codes = pitch_ngrams(self.pitches, n)
        is_inside = self.tunes[: len(codes)] == self.tunes[n - 1 :]
        return codes[is_inside], self.tunes[n - 1 :][is_inside]


@dataclass(frozen=True, slots=True)
class Profile:
    """Distributions over the notes of tunes, and numbers per tune."""

    pitches: Distribution
    relative_pitch_classes: Distribution
    intervals: Distribution
    """In semitones, clipped to an octave."""
    durations: Distribution
    transitions: Distribution
    """Pairs of successive pitches: 128 · first + second."""
    num_notes: Integers
    """Notes of each tune, shape (tunes,)."""
    ranges: Integers
    """Highest minus lowest pitch of each tune in semitones, shape (tunes,)."""
    mean_intervals: NDArray[np.float64]
    """Mean interval size in semitones, shape (tunes with more than one note,)."""

    @classmethod
    def of(cls, melodies: Sequence[Melody]) -> "Profile":
        """Count the notes of tunes, which must have notes. Raises UnmeasurableError for no tunes."""
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

    def without(self, is_out: NDArray[np.bool_], part: "Profile") -> "Profile":
        """The profile of the other tunes, much faster than counting them: equals `Profile.of` for them.

        is_out: which tunes to leave out, shape (tunes,); part: the profile of these.
        """
        is_kept = ~is_out
        return Profile(
            pitches=self.pitches.without(part.pitches),
            relative_pitch_classes=self.relative_pitch_classes.without(part.relative_pitch_classes),
            intervals=self.intervals.without(part.intervals),
            durations=self.durations.without(part.durations),
            transitions=self.transitions.without(part.transitions),
            num_notes=self.num_notes[is_kept],
            ranges=self.ranges[is_kept],
            mean_intervals=self.mean_intervals[is_kept[self.num_notes > 1]],
        )

    def transition_matrix(self) -> Integers:
        """Counts of successive pitches, shape (128, 128); rows are the first pitch."""
        counts = np.zeros(NUM_PITCHES**2, np.int64)
        counts[self.transitions.codes] = self.transitions.counts
        return counts.reshape(NUM_PITCHES, NUM_PITCHES)
