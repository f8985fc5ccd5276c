"""How numbers, durations and lists read in messages, tables and reports."""

import math
from collections.abc import Sequence


def brief(number: float) -> str:
    """The number with two significant digits, never with an exponent."""
    if not math.isfinite(number):
        return f"{number:g}"
    places = max(0, 1 - int(f"{number:.1e}".partition("e")[2]))
    text = f"{number:.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text


def signed(number: float, style: str = "") -> str:
    """The number with its sign and a real minus; zero has no sign.

    style: a format such as ".3f"; two significant digits by default.
    """
    text = f"{abs(number):{style}}" if style else brief(abs(number))
    if not text.strip("0."):
        return text
    return ("+" if number > 0 else "−") + text


def signed_interval(number: float, low: float, high: float) -> str:
    """Such as "+0.11 [+0.06, +0.16]"; without an interval if its ends are NaN, and a dash for NaN."""
    if math.isnan(number):
        return "–"
    if math.isnan(low):
        return signed(number)
    style = f".{decimals(high - low)}f"
    return f"{signed(number, style)} [{signed(low, style)}, {signed(high, style)}]"


def decimals(width: float) -> int:
    """Decimal places that tell the ends of an interval of this width apart."""
    # An interval from 0.06 to 0.16 needs two, one from 0.06 to 0.09 three.
    if not 0 < width < math.inf:
        return 3
    return max(0, min(8, math.ceil(-math.log10(width / 10) - 1e-9)))


def p_words(p_value: float) -> str:
    """Such as "p = 0.004"; "p < 0.001" below that."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def counted(number: int, noun: str) -> str:
    """Such as "1 run" and "2 runs"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(parts: Sequence[str]) -> str:
    """Such as "a, b and c"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def duration(seconds: float | None) -> str:
    """Such as "50 s", "12 min" or "1.5 h"; "?" for None."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def elapsed(seconds: float) -> str:
    """Such as "1.2 s", "12 s", "3:05 min" or "2:03 h"."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"
