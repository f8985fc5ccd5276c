"""How tunes are read for the metrics."""

import numpy as np
import pytest

from musicgen.metrics.tunes import CorpusTune, UnmeasurableError, mean, read_corpus, read_tunes, with_notes

GOOD, SILENT = "X:1\nT:Good\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|]\n", "X:1\nT:Silence\nK:C\n"


def test_abc2midi_is_asked_of_all_of_none_or_of_those_that_are_marked() -> None:
    texts = [GOOD, SILENT, GOOD]
    assert [tune.parses for tune in read_tunes(texts)] == [None, None, None]
    assert [tune.parses for tune in read_tunes(texts, runs_abc2midi=True)] == [True, False, True]
    assert [tune.parses for tune in read_tunes(texts, runs_abc2midi=[False, True, True])] == [
        None,
        False,
        True,
    ]


def test_a_tune_has_come_to_its_end_unless_somebody_says_that_it_has_not() -> None:
    assert [tune.is_ended for tune in read_tunes([GOOD, GOOD])] == [True, True]
    assert [tune.is_ended for tune in read_tunes([GOOD, GOOD], ended=[False, True])] == [False, True]
    with pytest.raises(ValueError, match="zip"):
        read_tunes([GOOD, GOOD], ended=[True])


def test_tunes_of_a_corpus_and_of_a_sample_tell_the_same() -> None:
    (scored,), (known,) = read_tunes([GOOD]), read_corpus([GOOD])
    assert isinstance(known, CorpusTune)
    assert (known.text, known.title) == (scored.text, scored.title) == (GOOD, "Good")
    assert np.array_equal(known.melody.pitches, scored.melody.pitches)
    assert scored.bars == ("CDEF", "GABc") and scored.num_valid_bars == 2
    (untitled,) = read_tunes(["X:1\nK:C\nC"])
    assert untitled.title == read_corpus(["X:1\nK:C\nC"])[0].title == ""
    silent, good = read_tunes([SILENT, GOOD])
    assert with_notes([silent, good]) == [good]


def test_a_mean_of_nothing_has_its_reason() -> None:
    assert mean([1, 2, 6], "nothing") == 3 == mean(np.array([3.0]), "nothing")
    with pytest.raises(UnmeasurableError, match="^nothing there$"):
        mean([], "nothing there")
