"""Rates and what counts for them, at their edges."""

import pytest

from musicgen.metrics import validity
from musicgen.metrics.tunes import UnmeasurableError, read_tunes
from tests.metrics.test_families import HEADER, tunes_of


def test_every_rate_counts_what_was_requested_and_nothing_has_none() -> None:
    tunes = read_tunes([HEADER + "CDEF|GABc|]"] * 3, runs_abc2midi=[True] * 3)
    for rate in (validity.complete_rate, validity.parse_rate, validity.tune_rate):
        assert (rate(tunes, 3), rate(tunes, 4)) == (1, 0.75)
        assert rate([], 1) == 0
        with pytest.raises(UnmeasurableError, match="no tune was requested"):
            rate([], 0)


def test_one_tune_that_was_not_asked_about_is_enough_for_no_parse_rate() -> None:
    tunes = read_tunes([HEADER + "CDEF|]"] * 2, runs_abc2midi=[True, False])
    with pytest.raises(UnmeasurableError, match="abc2midi was not asked"):
        validity.parse_rate(tunes, 2)


def test_a_tune_is_valid_with_a_note_and_all_bars_right() -> None:
    right, wrong, rests = tunes_of("CDEF|GABc|]", "CDEF|GAB|CDEF|]", "zzzz|zzzz|]")
    assert [validity.is_valid(tune) for tune in (right, wrong, rests)] == [True, False, False]
    assert validity.bar_rate([rests]) == 1
    without_number = read_tunes(["M:4/4\nL:1/4\nK:C\nCDEF|]"])
    assert not validity.is_complete(without_number[0])
