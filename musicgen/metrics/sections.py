"""The sections of a tune: what repeat signs and double bars divide it into, and how each of them ends.

A short bar at the start of a section is its pickup, which is not one of its bars. First and second endings
make one section, whose bars are those before the endings and those of the last ending: a player hears as many
each time.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from musicgen.notation import Bar

_DIVISION = re.compile(r":|\|\||\|\]|\[\|")
_ENDING = re.compile(r"[0-9]")
_FORM_LENGTHS = frozenset({8, 16})
_NO_PICKUP = Fraction(0)


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a tune as played the last time."""

    pickup: Fraction
    """Length of the notes before its first bar, in whole notes; 0 without a pickup."""
    num_bars: int
    last_bar: Bar

    @property
    def is_repeated(self) -> bool:
        """Whether a repeat sign ends it."""
        return self.last_bar.line.startswith((":", ".:"))

    @property
    def ends_on_tonic(self) -> bool:
        """Whether its last note is the tonic of the key in force there."""
        return ends_on_tonic(self.last_bar)


def ends_on_tonic(bar: Bar) -> bool:
    """Whether the last note of a bar is the tonic of the key in force there; False without a note."""
    return bool(bar.notes) and bar.notes[-1].pitch % 12 == bar.key.tonic


def sections_of(bars: Sequence[Bar]) -> tuple[Section, ...]:
    """The sections of a tune, in order. A section of nothing but a pickup belongs to the next one."""
    sections: list[Section] = []
    pickup = _NO_PICKUP
    for part in _parts(bars):
        if _is_short(part[0]):
            pickup = part[0].duration
            part = part[1:]
        if part:
            sections.append(Section(pickup, _num_bars(part), part[-1]))
            pickup = _NO_PICKUP
    return tuple(sections)


def first_section_end(bars: Sequence[Bar]) -> int:
    """The number of bars up to the end of the first section, pickup included."""
    count = 0
    for part in _parts(bars):
        count += len(part)
        if len(part) > 1 or not _is_short(part[0]):
            break
    return count


def ends_that_fit(sections: Sequence[Section]) -> tuple[bool, ...]:
    """For each section: whether its last bar is full, or short by exactly the pickup that follows.

    What follows is the section itself if it is repeated, or else the next one, or the first after the last.
    """
    return tuple(
        _lack(section.last_bar) in (0, (section if section.is_repeated else following).pickup)
        for section, following in zip(sections, [*sections[1:], *sections[:1]], strict=True)
    )


def has_form(sections: Sequence[Section]) -> bool:
    """Whether there are two sections or more, each of 8 or 16 bars."""
    return len(sections) > 1 and all(section.num_bars in _FORM_LENGTHS for section in sections)


def _parts(bars: Sequence[Bar]) -> Iterator[list[Bar]]:
    """The bars of each section, pickup included."""
    part: list[Bar] = []
    for bar in bars:
        part.append(bar)
        # The repeat sign before a second ending does not end the section.
        if _DIVISION.search(bar.line) and not _ENDING.search(bar.line):
            yield part
            part = []
    if part:
        yield part


def _is_short(bar: Bar) -> bool:
    return _lack(bar) > 0


def _lack(bar: Bar) -> Fraction:
    """What a bar lacks to be full, in whole notes; 0 in free meter, negative if it is too long."""
    return Fraction(0) if bar.meter is None else bar.meter - bar.duration


def _num_bars(part: Sequence[Bar]) -> int:
    """Bars of a section without its pickup, with only the last of its endings."""
    places = [place for place, bar in enumerate(part) if _ENDING.search(bar.line)]
    return len(part) - (places[-1] - places[0] if places else 0)
