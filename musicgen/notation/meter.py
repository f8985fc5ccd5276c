"""M: and L:, in whole notes: the length of a bar, and of a note without a number.

Source: the ABC standard 2.1, sections 3.1.6 and 3.1.7.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from musicgen.notation.problems import quote

# Only single spaces: white space is normalised before matching.
_SUM_OVER = re.compile(r"\(?([0-9]{1,3}(?: ?\+ ?[0-9]{1,3}){0,15})\)? ?/ ?([0-9]{1,3})(?![0-9]) ?(.*)")
_UNIT = re.compile(r"([0-9]{1,3})(?: ?/ ?([0-9]{1,3}))?(?![0-9]) ?(.*)")
_DENOMINATORS = frozenset(2**power for power in range(9))
_MAX_BEATS = 128
_COMPOUND = frozenset({(6, 8), (9, 8), (12, 8), (6, 4), (9, 4), (12, 4), (6, 16), (9, 16), (12, 16)})


@dataclass(frozen=True, slots=True)
class Meter:
    """The length of a bar and the kind of its beats."""

    bar_length: Fraction | None
    """In whole notes; None in free meter."""
    is_compound: bool = False
    """Whether beats divide into three, which changes the meaning of `(5`, `(7` and `(9`."""


FREE_METER = Meter(None)


# The tunes of a corpus have few different meters.
@lru_cache(maxsize=1024)
def read_meter(value: str) -> tuple[Meter, str | None]:
    """The meter of an M: value, and a problem if the value is invalid.

    Accepts `C`, `C|`, `6/8`, `2+3/8`, `(2+2+3)/8`, and `none` or the empty value for free meter. Anything
    else is free meter, like a missing field.
    """
    name = " ".join(value.split())
    if name in ("C", "C|"):
        return Meter(Fraction(1)), None
    if name in ("", "none"):
        return FREE_METER, None
    match = _SUM_OVER.match(name)
    beats = sum(int(part) for part in match[1].split("+")) if match else 0
    if match is None or not 1 <= beats <= _MAX_BEATS or int(match[2]) not in _DENOMINATORS:
        return FREE_METER, f"M: invalid meter {quote(name)}"
    beat_unit = int(match[2])
    problem = f"M: ignored {quote(match[3])} after the meter" if match[3] else None
    return Meter(Fraction(beats, beat_unit), (beats, beat_unit) in _COMPOUND), problem


def default_unit(meter: Meter) -> Fraction:
    """The unit note length without an L: field: 1/16 if a bar is shorter than 3/4, else 1/8."""
    is_brief = meter.bar_length is not None and meter.bar_length < Fraction(3, 4)
    return Fraction(1, 16) if is_brief else Fraction(1, 8)


def read_unit(value: str, default: Fraction) -> tuple[Fraction, str | None]:
    """The unit note length of an L: value; the default and a problem if it is invalid."""
    match = _UNIT.match(" ".join(value.split()))
    numerator, denominator = (int(match[1]), int(match[2] or 1)) if match else (0, 0)
    if match is None or not 1 <= numerator <= denominator or denominator not in _DENOMINATORS:
        return default, f"L: invalid note length {quote(value)}"
    problem = f"L: ignored {quote(match[3])} after the length" if match[3] else None
    return Fraction(numerator, denominator), problem
