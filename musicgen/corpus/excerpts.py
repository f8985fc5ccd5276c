"""Some of many tunes: evenly spaced ones, and how many of them have about so many characters."""

from collections.abc import Sequence


def evenly_spaced(tunes: Sequence[str], number: int | None) -> Sequence[str]:
    """As many of the tunes as requested; all for None, or if there are no more."""
    if number is None or number >= len(tunes):
        return tunes
    return [tunes[place * len(tunes) // number] for place in range(number)]


def number_within(tunes: Sequence[str], max_characters: int) -> int | None:
    """How many tunes of average length have at most this many characters; None if all together do."""
    characters = sum(map(len, tunes))
    return None if characters <= max_characters else len(tunes) * max_characters // characters
