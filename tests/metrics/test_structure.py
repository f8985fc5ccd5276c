import zlib

import numpy as np
import pytest

from musicgen.metrics import structure
from musicgen.metrics.tunes import UnmeasurableError, read_tunes
from musicgen.notation.melodies import Melody
from tests.metrics.made_tunes import melodies_of


def melody(*pitches: int) -> Melody:
    return Melody(np.array(pitches, np.int64), np.ones(len(pitches), np.int64), 0)


def test_lag_repeat_uses_four_lags() -> None:
    assert structure.repeats_a_phrase(list("abcdabxd")) == [True, True, False, True]
    assert structure.repeats_a_phrase(list("abcdefgha")) == [False, False, False, False, True]
    assert structure.repeats_a_phrase(list("abcd")) == []
    assert structure.lag_repeat([list("abcda"), list("abcdefghi")]) == 1 / 6
    with pytest.raises(UnmeasurableError, match="five bars"):
        structure.lag_repeat([list("abcd")])


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5, 8, 12, 16, 20])
def test_only_bars_at_a_lag_repeat_a_phrase(lag: int) -> None:
    bars = [str(number) for number in range(20)]
    assert structure.repeats_a_phrase([*bars, bars[-lag]]) == [False] * 16 + [lag in (4, 8, 12, 16)]


def test_distinct_bars_is_a_mean_over_tunes() -> None:
    assert structure.distinct_bars([list("aabb"), list("abcd"), []]) == 0.75
    with pytest.raises(UnmeasurableError, match="no tune has a bar"):
        structure.distinct_bars([[]])


def test_zip_ratio_measures_order() -> None:
    pattern = np.tile([60, 62, 64, 65, 67, 69, 71, 72], 20)
    shuffled = np.random.default_rng(0).permutation(pattern)
    assert structure.zip_ratio(structure.zip_ratios([melody(*pattern), melody(60)], 0)) < 0.5
    assert structure.zip_ratio(structure.zip_ratios([melody(*shuffled)], 0)) == pytest.approx(1, abs=0.1)
    with pytest.raises(UnmeasurableError, match="two notes"):
        structure.zip_ratio(structure.zip_ratios([melody(60)], 0))


def test_zip_ratios_follow_the_formula_and_the_seed() -> None:
    def size(pitches: np.ndarray) -> int:
        return len(zlib.compress(" ".join(f"{pitch}:1" for pitch in pitches).encode(), 9))

    notes = np.array([60, 62, 64, 65] * 10)
    rng = np.random.default_rng(7)
    expected = size(notes) / np.mean([size(notes[rng.permutation(40)]) for _ in range(4)])
    assert structure.zip_ratios([melody(*notes)], 7) == pytest.approx([expected])
    found = structure.zip_ratios([melody(60), melody(*notes)], 7)
    assert np.isnan(found[0]) and found[1] == pytest.approx(expected)
    assert structure.zip_ratios([melody(60, 62)], 0) == pytest.approx([1])


def test_tonic_ending_uses_the_key_in_any_octave() -> None:
    assert structure.tonic_ending(melodies_of("CDEF|", "EDCc|")) == 0.5
    assert structure.tonic_ending([*melodies_of("CDC|"), melody()]) == 1
    (in_g,) = read_tunes(["X:1\nK:G\nGAG|"])
    assert structure.tonic_ending([in_g.melody]) == 1
    with pytest.raises(UnmeasurableError, match="no tune has a note"):
        structure.tonic_ending([])
