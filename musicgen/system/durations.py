"""Durations as people read them."""


def format_duration(seconds: float) -> str:
    """A measured duration: "1.2 s", "12 s", "3:05 min" or "2:03 h"."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def round_duration(seconds: float | None) -> str:
    """An estimate: "89 s", "10 min" or "2.0 h"; "?" for None."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
