"""Validity: is it a tune at all? All rates are in [0, 1]; higher is better.

The denominator is the number of *requested* tunes: a missing tune is a failure. The bar rate counts the bars
of delivered tunes. By the standard, a tune with a missing or invalid M: has free meter; here its bars count
as invalid, or dropping the meter would be the easiest way to be valid. Only `M:none` means free meter. All
rates raise UnmeasurableError if there is nothing to divide by.
"""

from collections.abc import Sequence

from musicgen.metrics.tunes import ScoredTune, UnmeasurableError, rate

REQUIRED_FIELDS = ("X", "K")
"""The fields that every tune must have: the ABC standard 2.1, section 3."""


def is_complete(tune: ScoredTune) -> bool:
    """Whether the tune has X:, K: and a bar, and ended before the cap on characters."""
    has_fields = all(tune.parsed.header(field) is not None for field in REQUIRED_FIELDS)
    return has_fields and bool(tune.parsed.bars) and tune.is_ended


def is_valid(tune: ScoredTune) -> bool:
    """Whether the tune has a note and all its bars are valid."""
    return len(tune.melody) > 0 and tune.num_valid_bars == len(tune.parsed.bars)


def complete_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Complete / requested tunes."""
    return rate(sum(map(is_complete, tunes)), num_requested)


def parse_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Tunes from which abc2midi makes at least one note without an `Error` line / requested tunes.

    Also raises UnmeasurableError if abc2midi was not run for a tune.
    """
    if any(tune.parses is None for tune in tunes):
        raise UnmeasurableError("abc2midi was not run")
    return rate(sum(bool(tune.parses) for tune in tunes), num_requested)


def bar_rate(tunes: Sequence[ScoredTune]) -> float:
    """Bars whose durations sum exactly to the meter / all bars of the delivered tunes.

    A bar may be shorter at the start or end of a tune and next to a repeat sign, double bar or ending.
    """
    num_bars = sum(len(tune.parsed.bars) for tune in tunes)
    if not num_bars:
        raise UnmeasurableError("no tune has a bar")
    return sum(tune.num_valid_bars for tune in tunes) / num_bars


def tune_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Tunes with notes and only valid bars / requested tunes."""
    return rate(sum(map(is_valid, tunes)), num_requested)


def ended_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Tunes that came to their end, and not inside a bar / requested tunes."""
    return rate(sum(tune.judgement.is_ended for tune in tunes), num_requested)


def loop_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Tunes that state a period of 1 to 16 bars four times in a row or more / requested tunes."""
    return rate(sum(tune.judgement.loop is not None for tune in tunes), num_requested)


def whole_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Tunes that ended, with valid bars only and no loop / requested tunes."""
    return rate(sum(tune.judgement.is_whole for tune in tunes), num_requested)


def sound_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Whole tunes whose last note is the tonic of the K: in force there / requested tunes."""
    return rate(sum(tune.judgement.is_sound for tune in tunes), num_requested)


def strict_sound_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Sound tunes of which every section end fits its pickup / requested tunes."""
    return rate(sum(tune.judgement.is_strictly_sound for tune in tunes), num_requested)
