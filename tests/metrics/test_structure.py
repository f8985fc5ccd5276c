import zlib

import numpy as np
import pytest

from musicgen.metrics import structure
from musicgen.metrics.soundness import Judgement
from musicgen.metrics.tunes import UnmeasurableError
from musicgen.notation.melodies import Melody
from tests.metrics.made_tunes import HEADER, tunes_of


def melody(*pitches: int) -> Melody:
    return Melody(np.array(pitches, np.int64), np.ones(len(pitches), np.int64), 0)


def test_lag_repeat_uses_four_lags() -> None:
    assert structure.repeats_a_phrase(list("abcdabxd")) == [True, True, False, True]
    assert structure.repeats_a_phrase(list("abcdefgha")) == [False, False, False, False, True]
    assert structure.repeats_a_phrase(list("abcd")) == []
    # A mean over tunes: the longer one does not count more.
    assert structure.lag_repeat([list("abcda"), list("abcdefghi"), list("abcd")]) == 1 / 2
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


def judged(*bodies: str, header: str = HEADER) -> list[Judgement]:
    return [tune.judgement for tune in tunes_of(*bodies, header=header)]


def test_tonic_ending_uses_the_key_in_force_there() -> None:
    assert structure.tonic_ending(judged("CDEF|", "EDCc|")) == 0.5
    assert structure.tonic_ending(judged("CDC|", "zz|")) == 1
    assert structure.tonic_ending(judged("GAG|", header="X:1\nK:G\n")) == 1
    assert structure.tonic_ending(judged("CDEC|\nK:G\nGABG|", "CDEC|\nK:G\nGABc|")) == 0.5
    with pytest.raises(UnmeasurableError, match="no tune has a note"):
        structure.tonic_ending([])


EIGHT = "CDEF|GFED|CDEF|GGGG|CDEF|GFED|EFDE|"


def test_section_metrics_are_means_over_tunes() -> None:
    # The first tune has two sections, the second has one, the third has none.
    tunes = judged(f"{EIGHT}C4:|{EIGHT}D4|]", "CDEF|C4|]", "")
    assert structure.section_tonic_endings(tunes) == (1 / 2 + 1) / 2
    assert structure.section_ends_that_fit(tunes) == 1
    assert structure.form(tunes, 5) == 1 / 5
    for metric in (structure.section_tonic_endings, structure.section_ends_that_fit):
        with pytest.raises(UnmeasurableError, match="no tune has a bar"):
            metric(judged(""))
    with pytest.raises(UnmeasurableError, match="no tune was requested"):
        structure.form([], 0)


def test_tonality_and_rhythm_are_means_over_tunes() -> None:
    tunes = judged("CDEF|DDDD|E2GE|", "G2G2|", "")
    assert structure.downbeat_triad(tunes) == pytest.approx((2 / 3 + 1) / 2)
    assert structure.commonest_rhythm(tunes) == pytest.approx((2 / 3 + 1) / 2)
    assert structure.key_found(judged("CEGc|GFED|C4|", "GBdg|dcBA|G4|")) == 0.5
