"""M: and L:, both in whole notes: how long a bar lasts, and how long a note without a number lasts.

Source: the ABC standard 2.1, sections 3.1.6 and 3.1.7.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from musicgen.notation.problems import quote

# Single blanks only: the value's white space is put in order first.
_SUM_OVER = re.compile(r"\(?([0-9]{1,3}(?: ?\+ ?[0-9]{1,3}){0,15})\)? ?/ ?([0-9]{1,3})(?![0-9]) ?(.*)")
_UNIT = re.compile(r"([0-9]{1,3})(?: ?/ ?([0-9]{1,3}))?(?![0-9]) ?(.*)")
_DENOMINATORS = frozenset(2**power for power in range(9))
_MOST_BEATS = 128
_COMPOUND = frozenset({(6, 8), (9, 8), (12, 8), (6, 4), (9, 4), (12, 4), (6, 16), (9, 16), (12, 16)})


@dataclass(frozen=True, slots=True)
class Meter:
    """A bar's length, and whether its beats fall into three parts (which sets what `(2` and `(5` mean)."""

    bar_length: Fraction | None
    """In whole notes; None in free meter."""
    is_compound: bool = False


FREE_METER = Meter(None)


def read_meter(value: str) -> tuple[Meter, str | None]:
    """The meter of an M: value, and a problem line where the value is not understood.

    `C`, `C|`, `6/8`, `2+3/8`, `(2+2+3)/8`, `none` and the empty value (both free meter) are understood;
    anything else reads as free meter, as a missing field does.
    """
    name = " ".join(value.split())
    if name in ("C", "C|"):
        return Meter(Fraction(1)), None
    if name in ("", "none"):
        return FREE_METER, None
    match = _SUM_OVER.match(name)
    if match is None:
        return FREE_METER, f"M: {quote(name)} is no meter"
    beats = sum(int(part) for part in match[1].split("+"))
    beat_unit = int(match[2])
    if not 1 <= beats <= _MOST_BEATS or beat_unit not in _DENOMINATORS:
        return FREE_METER, f"M: {quote(name)} is no meter"
    problem = f"M: {quote(match[3])} after the meter is not read" if match[3] else None
    return Meter(Fraction(beats, beat_unit), (beats, beat_unit) in _COMPOUND), problem


def default_unit(meter: Meter) -> Fraction:
    """The unit note length where L: is missing: 1/16 where a bar is shorter than 3/4, else 1/8."""
    is_brief = meter.bar_length is not None and meter.bar_length < Fraction(3, 4)
    return Fraction(1, 16) if is_brief else Fraction(1, 8)


def read_unit(value: str, default: Fraction) -> tuple[Fraction, str | None]:
    """The unit note length of an L: value; the default and a problem line where it is senseless."""
    match = _UNIT.match(" ".join(value.split()))
    if match is None:
        return default, f"L: {quote(value)} is no note length"
    numerator, denominator = int(match[1]), int(match[2] or 1)
    if not 1 <= numerator <= denominator or denominator not in _DENOMINATORS:
        return default, f"L: {quote(value)} is no note length"
    problem = f"L: {quote(match[3])} after the length is not read" if match[3] else None
    return Fraction(numerator, denominator), problem
