import numpy as np
import pytest

from musicgen.metrics.tunes import UnmeasurableError, mean, read_corpus, read_tunes, with_notes

GOOD, SILENT = "X:1\nT:Good\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|]\n", "X:1\nT:Silence\nK:C\n"


@pytest.mark.parametrize(("runs", "expected"), [(False, [None, None, None]), (True, [True, False, True])])
def test_abc2midi_runs_if_requested(runs: bool, expected: list[bool | None]) -> None:
    tunes = read_tunes([GOOD, SILENT, GOOD], runs_abc2midi=runs)
    assert [tune.parses for tune in tunes] == expected


def test_tunes_have_ended_by_default() -> None:
    assert [tune.is_ended for tune in read_tunes([GOOD, GOOD])] == [True, True]
    assert [tune.is_ended for tune in read_tunes([GOOD, GOOD], ended=[False, True])] == [False, True]
    with pytest.raises(ValueError, match="zip"):
        read_tunes([GOOD, GOOD], ended=[True])


def test_corpus_tunes_and_scored_tunes_agree() -> None:
    (scored,), (known,) = read_tunes([GOOD]), read_corpus([GOOD])
    assert (known.text, known.title) == (scored.text, scored.title) == (GOOD, "Good")
    assert np.array_equal(known.melody.pitches, scored.melody.pitches)
    np.testing.assert_array_equal(known.features, scored.features)
    assert set(vars(known)) == {"text", "melody", "features"}, "no parse stays in memory"
    assert scored.bars == ("CDEF", "GABc") and scored.num_valid_bars == 2
    (untitled,) = read_tunes(["X:1\nK:C\nC"])
    assert untitled.title == read_corpus(["X:1\nK:C\nC"])[0].title == ""
    silent, good = read_tunes([SILENT, GOOD])
    assert with_notes([silent, good]) == [good]


def test_the_mean_of_nothing_has_a_reason() -> None:
    assert mean([1, 2, 6], "nothing") == 3 == mean(np.array([3.0]), "nothing")
    with pytest.raises(UnmeasurableError, match="^nothing there$"):
        mean([], "nothing there")
