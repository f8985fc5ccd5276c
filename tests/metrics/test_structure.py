"""Bars and notes that come back, at their edges."""

import zlib

import numpy as np
import pytest

from musicgen.metrics import structure
from musicgen.metrics.tunes import UnmeasurableError, read_tunes
from musicgen.notation.melodies import Melody
from tests.metrics.test_families import melodies_of


def test_the_tonic_is_that_of_the_key_and_a_tune_without_notes_has_no_end() -> None:
    assert structure.tonic_ending([*melodies_of("CDC|"), Melody(np.zeros(0, int), np.zeros(0, int), 0)]) == 1
    (in_g,) = read_tunes(["X:1\nK:G\nGAG|"])
    assert structure.tonic_ending([in_g.melody]) == 1
    with pytest.raises(UnmeasurableError, match="no tune has a note"):
        structure.tonic_ending([])


def test_bars_before_the_tune_are_none() -> None:
    """The fifth bar has one bar to repeat, the ninth two; a bar twelve or sixteen before counts too."""
    bars = [str(number) for number in range(24)]
    for lag in (1, 2, 3, 4, 5, 8, 12, 16, 20):
        repeated = [*bars[:20], bars[20 - lag]]
        assert structure.repeats_a_phrase(repeated) == [False] * 16 + [lag in (4, 8, 12, 16)]
    with pytest.raises(UnmeasurableError, match="no tune has a bar"):
        structure.distinct_bars([[]])


def test_the_zip_ratio_is_of_bytes_and_its_shuffles_come_from_the_seed() -> None:
    notes = np.array([60, 62, 64, 65] * 10)
    melody = Melody(notes, np.ones(40, np.int64), 0)
    text = " ".join(f"{note}:1" for note in notes.tolist()).encode()
    rng = np.random.default_rng(7)
    orders = [rng.permutation(40) for _ in range(4)]
    shuffled = [
        len(zlib.compress(" ".join(f"{notes[place]}:1" for place in order).encode(), 9)) for order in orders
    ]
    expected = len(zlib.compress(text, 9)) / np.mean(shuffled)
    assert structure.zip_ratios([melody], 7) == pytest.approx([expected])
    one = Melody(notes[:1], np.ones(1, np.int64), 0)
    found = structure.zip_ratios([one, melody], 7)
    assert np.isnan(found[0]) and found[1] == pytest.approx(expected)
    two = Melody(notes[:2], np.ones(2, np.int64), 0)
    assert structure.zip_ratios([two], 0) == pytest.approx([1])
