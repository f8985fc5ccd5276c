import pytest

from musicgen.metrics import validity
from musicgen.metrics.tunes import UnmeasurableError, read_tunes
from tests.metrics.made_tunes import HEADER, tunes_of


def test_the_denominator_is_the_number_requested() -> None:
    tunes = tunes_of("CDEF|GABc|]", "CDEF|GAB|CDEF|]")
    assert validity.tune_rate(tunes, 4) == 0.25
    assert validity.complete_rate(tunes, 4) == 0.5
    assert validity.bar_rate(tunes) == 4 / 5


@pytest.mark.parametrize("rate", [validity.complete_rate, validity.parse_rate, validity.tune_rate])
def test_rates_of_nothing_are_zero_or_unmeasurable(rate) -> None:
    tunes = read_tunes([HEADER + "CDEF|GABc|]"] * 3, runs_abc2midi=True)
    assert (rate(tunes, 3), rate(tunes, 4), rate([], 1)) == (1, 0.75, 0)
    with pytest.raises(UnmeasurableError, match="no tune was requested"):
        rate([], 0)
    with pytest.raises(UnmeasurableError, match="no tune has a bar"):
        validity.bar_rate([])


def test_a_missing_field_or_end_makes_a_tune_incomplete() -> None:
    body = "M:4/4\nL:1/4\n{}CDEF|]"
    complete, no_key, no_number = f"X:1\n{body}", f"X:1\n{body}", body
    texts = [complete.format("K:C\n")] * 2 + [no_key.format(""), no_number.format("K:C\n"), "X:1\nK:C\n"]
    tunes = read_tunes(texts, ended=[True, False, True, True, True])
    assert [validity.is_complete(tune) for tune in tunes] == [True, False, False, False, False]


@pytest.mark.parametrize(("meter", "is_valid"), [("", False), ("M:none\n", True), ("M:C| Horns\n", False)])
def test_dropping_the_meter_does_not_make_bars_valid(meter: str, is_valid: bool) -> None:
    (tune,) = tunes_of("CD|CDEF|C|CD|", header=f"X:1\n{meter}L:1/4\nK:C\n")
    assert validity.is_valid(tune) == is_valid == (tune.num_valid_bars > 0)


def test_parse_rate_follows_abc2midi() -> None:
    good, silent = HEADER + "CDEF|GABc|]\n", "X:1\nT:Silence\nK:C\n"
    assert validity.parse_rate(read_tunes([good, silent], runs_abc2midi=True), 2) == 0.5
    for tunes in (read_tunes([good]), [*read_tunes([good], runs_abc2midi=True), *read_tunes([good])]):
        with pytest.raises(UnmeasurableError, match="abc2midi was not run"):
            validity.parse_rate(tunes, 2)


def test_a_valid_tune_has_a_note_and_only_valid_bars() -> None:
    right, wrong, rests = tunes_of("CDEF|GABc|]", "CDEF|GAB|CDEF|]", "zzzz|zzzz|]")
    assert [validity.is_valid(tune) for tune in (right, wrong, rests)] == [True, False, False]
    assert validity.bar_rate([rests]) == 1


ENDED = "CDEF|GFED|C4|]"


def test_musical_rates_count_missing_tunes_as_failures() -> None:
    bodies = (ENDED, "CDEF|GF", "CDEF|" * 4 + "C4|]", "CDEF|G4|]", "G|CDEF|C2:|", "")
    tunes = tunes_of(*bodies)
    assert validity.ended_rate(tunes, 10) == 4 / 10
    assert validity.loop_rate(tunes, 10) == 1 / 10
    assert validity.whole_rate(tunes, 10) == 3 / 10
    assert validity.sound_rate(tunes, 10) == 2 / 10
    assert validity.strict_sound_rate(tunes, 10) == 1 / 10
    rates = (validity.ended_rate, validity.loop_rate, validity.whole_rate, validity.sound_rate)
    for rate in (*rates, validity.strict_sound_rate):
        assert rate([], 3) == 0
        with pytest.raises(UnmeasurableError, match="no tune was requested"):
            rate([], 0)


def test_an_endless_tune_counts_once() -> None:
    (endless,) = read_tunes([HEADER + "CDEF|" * 400], ended=[False])
    tunes = [*tunes_of(*[ENDED] * 3), endless]
    assert (validity.ended_rate(tunes, 4), validity.loop_rate(tunes, 4)) == (0.75, 0.25)
