"""Tunes, melodies and profiles from ABC bodies, and random melodies for property tests."""

import numpy as np
from hypothesis import strategies as st

from musicgen.metrics.profile import Profile
from musicgen.metrics.tunes import ScoredTune, read_tunes
from musicgen.notation.melodies import Melody

HEADER = "X:1\nT:One\nM:4/4\nL:1/4\nK:C\n"


def tunes_of(*bodies: str, header: str = HEADER) -> list[ScoredTune]:
    return read_tunes([header + body for body in bodies])


def melodies_of(*bodies: str) -> list[Melody]:
    return [tune.melody for tune in tunes_of(*bodies)]


def profile_of(*bodies: str) -> Profile:
    return Profile.of(melodies_of(*bodies))


random_melodies = st.lists(
    st.builds(
        lambda pitches, duration, tonic: Melody(np.array(pitches), np.full(len(pitches), duration), tonic),
        st.lists(st.integers(0, 127), min_size=1, max_size=40),
        st.integers(1, 9),
        st.integers(0, 11),
    ),
    min_size=1,
    max_size=6,
)
