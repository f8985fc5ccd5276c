"""Lengths of notes for the place of the next character (place.py): numbers, broken rhythm, tuplets."""

from typing import Any

from musicgen.notation import place_state as at
from musicgen.notation.place_state import MAX_BAR_TICKS, MAX_NUMBER, WHOLE_NOTE
from musicgen.system.compiled_code import compiled

_compiled = compiled(uses=[at])
_COLON, _SLASH, _GREATER, _ZERO = ord(":"), ord("/"), ord(">"), ord("0")


@_compiled
def begin_note(state: Any) -> None:
    """A note, whose length a tuplet or broken rhythm before it may change."""
    base = state[at.UNIT]
    if state[at.TUPLET_LEFT]:
        base = base * state[at.TUPLET_OVER] // state[at.TUPLET_UNDER]
        state[at.TUPLET_LEFT] -= 1
    if state[at.BROKEN]:
        base = base * state[at.NEXT] // 8
        state[at.BROKEN] = 0
    state[at.BASE], state[at.OVER], state[at.UNDER], state[at.SLASHES] = base, 0, 1, 0
    state[at.NOTE_IS_OPEN] = 1
    state[at.BEFORE] = state[at.ELAPSED]
    state[at.ELAPSED] = min(state[at.ELAPSED] + base, MAX_BAR_TICKS)
    state[at.IS_EMPTY] = 0


@_compiled
def read_length(state: Any, code: int) -> None:
    """Another character of the last note's length: `3`, `3/2`, `/`, `//`."""
    if code == _SLASH:
        state[at.SLASHES] += 1
        state[at.UNDER] = min(2 * state[at.UNDER], MAX_NUMBER)
    elif state[at.SLASHES] == 0:
        state[at.OVER] = min(10 * state[at.OVER] + code - _ZERO, MAX_NUMBER)
    elif state[at.PREVIOUS] == _SLASH:
        # Until now, the slash without a number meant a half.
        state[at.UNDER] = state[at.UNDER] // 2 * (code - _ZERO)
    else:
        state[at.UNDER] = min(10 * state[at.UNDER] + code - _ZERO, MAX_NUMBER)
    length = state[at.BASE] * max(state[at.OVER], 1) // max(state[at.UNDER], 1)
    state[at.ELAPSED] = min(state[at.BEFORE] + length, MAX_BAR_TICKS)


@_compiled
def break_rhythm(state: Any, code: int) -> None:
    """Lengthen the last note and shorten the next (`>`), or the reverse (`<`); up to three signs."""
    if not state[at.BROKEN]:
        state[at.LAST] = state[at.ELAPSED] - state[at.BEFORE]
    state[at.BROKEN] = min(state[at.BROKEN] + 1, 3)
    short = 8 >> state[at.BROKEN]
    eighths = 16 - short if code == _GREATER else short
    state[at.NEXT] = 16 - eighths
    state[at.ELAPSED] = min(state[at.BEFORE] + state[at.LAST] * eighths // 8, MAX_BAR_TICKS)


@_compiled
def read_tuplet(state: Any, code: int) -> None:
    """Another character of a tuplet's numbers: `3`, `3:2:4`."""
    if code == _COLON:
        state[at.TUPLET_PART] = min(state[at.TUPLET_PART] + 1, 3)
        return
    part = at.TUPLET_P + state[at.TUPLET_PART] - 1
    state[part] = min(10 * state[part] + code - _ZERO, 64)


@_compiled
def end_tuplet(state: Any) -> None:
    """Apply a tuplet: p notes in the time of q for the next r. Without numbers it was a slur."""
    state[at.TUPLET_PART] = 0
    p, q = state[at.TUPLET_P], state[at.TUPLET_Q]
    if p == 0:
        return
    if q == 0:
        is_compound = state[at.METER] * 8 % (3 * WHOLE_NOTE) == 0 and state[at.METER] * 4 != 3 * WHOLE_NOTE
        q = 3 if p in (2, 4, 8) or (is_compound and p not in (3, 6)) else 2
    state[at.TUPLET_OVER], state[at.TUPLET_UNDER] = q, p
    state[at.TUPLET_LEFT] = state[at.TUPLET_R] if state[at.TUPLET_R] else p
