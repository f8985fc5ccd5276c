"""Counting over all notes at once equals counting tune by tune."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.metrics.distributions import Distribution
from musicgen.metrics.profile import Notes, Profile
from musicgen.metrics.tunes import UnmeasurableError
from musicgen.notation.melodies import Melody
from tests.metrics.made_tunes import random_melodies


def counted(distribution: Distribution) -> dict[int, int]:
    return dict(zip(distribution.codes.tolist(), distribution.counts.tolist(), strict=True))


@given(random_melodies)
def test_a_profile_counts_within_tunes(some: list[Melody]) -> None:
    profile = Profile.of(some)
    tunes = [tune.pitches.tolist() for tune in some]
    steps = [[second - first for first, second in pairwise(tune)] for tune in tunes]
    assert counted(profile.pitches) == Counter(pitch for tune in tunes for pitch in tune)
    assert counted(profile.relative_pitch_classes) == Counter(
        (pitch - one.tonic) % 12 for one, tune in zip(some, tunes, strict=True) for pitch in tune
    )
    assert counted(profile.intervals) == Counter(max(min(s, 12), -12) for tune in steps for s in tune)
    assert counted(profile.durations) == Counter(d for one in some for d in one.durations.tolist())
    assert counted(profile.transitions) == Counter(a * 128 + b for tune in tunes for a, b in pairwise(tune))
    assert profile.num_notes.tolist() == [len(tune) for tune in tunes]
    assert profile.ranges.tolist() == [max(tune) - min(tune) for tune in tunes]
    assert profile.mean_intervals == pytest.approx([np.mean(np.abs(tune)) for tune in steps if tune])
    assert profile.transition_matrix().sum() == sum(len(tune) for tune in steps)


@given(random_melodies, st.integers(1, 4))
def test_ngrams_know_their_tune(some: list[Melody], n: int) -> None:
    codes, tunes = Notes.of(some).ngrams(n)
    lengths = [max(len(tune) - n + 1, 0) for tune in some]
    assert np.bincount(tunes, minlength=len(some)).tolist() == lengths
    assert len(codes) == sum(lengths)


@given(random_melodies, st.data())
def test_a_profile_without_some_tunes_is_that_of_the_rest(some: list[Melody], data: st.DataObject) -> None:
    is_out = np.array(data.draw(st.lists(st.booleans(), min_size=len(some), max_size=len(some))))
    parts = [[tune for tune, out in zip(some, is_out, strict=True) if out == side] for side in (True, False)]
    if not all(parts):
        return
    rest, expected = Profile.of(some).without(is_out, Profile.of(parts[0])), Profile.of(parts[1])
    for name in ("pitches", "relative_pitch_classes", "intervals", "durations", "transitions"):
        assert counted(getattr(rest, name)) == counted(getattr(expected, name))
    for name in ("num_notes", "ranges", "mean_intervals"):
        assert getattr(rest, name).tolist() == getattr(expected, name).tolist()


def test_no_tunes_have_no_profile() -> None:
    with pytest.raises(UnmeasurableError, match="no tune has a note"):
        Profile.of([])
