"""Validity: is it a tune at all? All rates lie in [0, 1]; higher is better.

The denominator is the number of *requested* tunes: one that was never delivered counts as a failure. Bars are
counted over the tunes that were delivered, since nobody can request a bar. A tune whose M: is missing or
senseless has free meter by the standard; here its bars count as wrong, or losing the meter would be the
easiest way to be right. Only `M:none` means free meter.
"""

from collections.abc import Sequence

from musicgen.metrics.tunes import ScoredTune, UnmeasurableError

REQUIRED_FIELDS = ("X", "K")
"""The fields that the ABC standard 2.1 (section 3) asks of every tune."""


def is_complete(tune: ScoredTune) -> bool:
    """Whether X: and K: are there, a body with a bar follows, and the end came before the cap."""
    has_fields = all(tune.parsed.header(field) is not None for field in REQUIRED_FIELDS)
    return has_fields and bool(tune.parsed.bars) and tune.is_ended


def is_valid(tune: ScoredTune) -> bool:
    """Whether there is a note and every bar is valid."""
    return len(tune.melody) > 0 and tune.num_valid_bars == len(tune.parsed.bars)


def complete_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Complete tunes / requested tunes."""
    return _rate(sum(map(is_complete, tunes)), num_requested)


def parse_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Tunes from which abc2midi makes at least one note without an `Error` line / requested tunes.

    Raises UnmeasurableError where abc2midi was not asked about a tune.
    """
    if any(tune.parses is None for tune in tunes):
        raise UnmeasurableError("abc2midi was not asked")
    return _rate(sum(bool(tune.parses) for tune in tunes), num_requested)


def bar_rate(tunes: Sequence[ScoredTune]) -> float:
    """Bars whose durations sum to the meter, in exact fractions, / all bars of the delivered tunes.

    A bar may be shorter at the start or end of a tune and beside a repeat sign, double bar or ending. Raises
    UnmeasurableError where there is no bar.
    """
    num_bars = sum(len(tune.parsed.bars) for tune in tunes)
    if not num_bars:
        raise UnmeasurableError("no tune has a bar")
    return sum(tune.num_valid_bars for tune in tunes) / num_bars


def tune_rate(tunes: Sequence[ScoredTune], num_requested: int) -> float:
    """Tunes with notes whose bars are all right / requested tunes."""
    return _rate(sum(map(is_valid, tunes)), num_requested)


def _rate(passed: int, num_requested: int) -> float:
    if num_requested < 1:
        raise UnmeasurableError("no tune was requested")
    return passed / num_requested
