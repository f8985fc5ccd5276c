"""The place of the next character of an ABC text in its bar and section, computed from the text before it.

This feeds a network that writes character by character. It reads many texts in parallel, one character at a
time, and counts a note as soon as its letter appears (after `A2` has lasted one unit at `A`, it lasts two).
It understands what is common in tunes: header and inline fields M:, L: and K:, notes, rests, chords, lengths,
broken rhythm, tuplets, grace notes, decorations, quoted text, bar lines, repeats and endings. parsing.py is
the reference for whole tunes; tests/notation/test_place.py measures how often the two agree.

Lengths are integers, in ticks. Shapes: T characters, B texts, S fields of a state.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from musicgen.system.compiled_code import compiled

WHOLE_NOTE = 13440
"""In ticks. An eighth has 1680 ticks, which is divisible by 2, 3, 5 and 7."""

RESET, NONE, BAR, MOVED = -1, 0, 1, 2
"""The effect of a character on the bars: a new tune begins; none; a bar begins after it; the current bar
begins only after it (a second bar line, or a pickup that belongs to the bar before)."""

(
    IN_BODY,
    AT_LINE_START,
    FIRST,  # the line's first character while it may still be a field letter
    FIELD,  # letter of the field whose value is being read
    IS_INLINE,
    SKIP,  # the character that ends the quoted text, grace notes or decoration being skipped
    PREVIOUS,
    SUM,
    TOP,
    BOTTOM,
    IN_BOTTOM,
    METER,  # ticks of a bar; 0 in free meter
    UNIT,  # ticks of a note without a number
    BEFORE,  # ticks of the bar before the last note
    ELAPSED,  # ticks of the bar with it
    BASE,  # ticks of the last note without its number
    OVER,
    UNDER,
    SLASHES,
    NOTE_IS_OPEN,
    BROKEN,  # signs of broken rhythm after the last note
    LAST,  # ticks of the note before them
    NEXT,  # length of the next note in eighths of its written length
    TUPLET_PART,  # which number of a tuplet is being read, from 1
    TUPLET_P,
    TUPLET_Q,
    TUPLET_R,
    TUPLET_LEFT,  # remaining notes of the tuplet
    TUPLET_OVER,  # numerator of the factor on their lengths
    TUPLET_UNDER,
    IN_CHORD,
    CHORD_HAS_NOTE,
    IS_EMPTY,  # no note or rest since the bar line
    AT_SECTION_START,
    NUMBER,  # whole bars since the section began
    NUMBER_BEFORE,  # the same at the last repeat sign
    PICKUP,  # ticks of the section's pickup; 0 without one
    SECTIONS,  # sections with a whole bar that have ended
    MODE,  # of the last key, one of the modes below
    KEY_PART,  # letters of the key that have been read, up to 4
    NUM_FIELDS,
) = range(41)
NUM_COLUMNS = 9
NO_MODE, MAJOR, MINOR, DORIAN, MIXOLYDIAN, LYDIAN, PHRYGIAN = range(7)
NUM_MODES = 7

_compiled = compiled()
_BREAK, _SPACE, _QUOTE, _PERCENT, _BANG = ord("\n"), ord(" "), ord('"'), ord("%"), ord("!")
_COLON, _BAR, _OPEN, _CLOSE, _SLASH = ord(":"), ord("|"), ord("["), ord("]"), ord("/")
_PARENTHESIS, _BRACE, _BRACE_END, _GREATER, _LESS = ord("("), ord("{"), ord("}"), ord(">"), ord("<")
_ZERO, _NINE, _PLUS, _COMMA, _APOSTROPHE = ord("0"), ord("9"), ord("+"), ord(","), ord("'")
_REST, _INVISIBLE_REST, _MEASURE = ord("z"), ord("x"), ord("Z")
_C, _K, _L, _M = ord("C"), ord("K"), ord("L"), ord("M")
_FIRST_NOTE, _LAST_NOTE, _FIRST_HIGH_NOTE, _LAST_HIGH_NOTE = ord("A"), ord("G"), ord("a"), ord("g")
_LAST_CAPITAL, _LAST_SMALL = ord("Z"), ord("z")
_SMALL, _FLAT, _A, _X = 32, ord("b"), ord("a"), ord("x")
_MODE_OF_LETTER = (
    (ord("m"), MINOR),
    (ord("a"), MINOR),
    (ord("d"), DORIAN),
    (ord("l"), LYDIAN),
    (ord("p"), PHRYGIAN),
)
_MAX_NUMBER = 10**6
"""Numbers in the text saturate here."""
_MAX_UNIT_TICKS = 256 * WHOLE_NOTE
_MAX_BAR_TICKS = 2**31 - 1
"""Bar lengths saturate here, so that their product with a number in the text cannot overflow."""


def code_points(text: str) -> NDArray[np.int64]:
    """The code point of each character, shape (len(text),)."""
    # A lone surrogate is read like any other character; it is never written to a file.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)


class PlaceReader:
    """Reads texts in parallel, one character at a time, and tracks the place of the next character."""

    def __init__(self, num_texts: int) -> None:
        self.states = np.zeros((num_texts, NUM_FIELDS), np.int64)
        for state in self.states:
            _begin_tune(state)

    def read(self, codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read code points [T, B]; returns the place after each, [T, B, 9], and its effect, [T, B].

        A place is: whether the body has begun, ticks of the bar so far, ticks of a full bar (0 in free
        meter), ticks of a unit note, whole bars since the section began, ticks of the section's pickup,
        number of sections before it, whole bars of the one before it, and the mode of the key.
        """
        places = np.empty((*codes.shape, NUM_COLUMNS), np.int64)
        events = np.empty(codes.shape, np.int64)
        _read(self.states, codes, places, events)
        return places, events

    def keep(self, texts: NDArray[np.int64]) -> None:
        """Drop all other texts."""
        self.states = self.states[texts]


@_compiled
def _begin_tune(state: Any) -> None:
    state[:] = 0
    state[AT_LINE_START] = 1
    state[PREVIOUS] = _BREAK


@_compiled
def _read(states: Any, codes: Any, places: Any, events: Any) -> None:
    for t in range(codes.shape[0]):
        for b in range(codes.shape[1]):
            state = states[b]
            events[t, b] = _read_character(state, codes[t, b])
            state[PREVIOUS] = codes[t, b]
            place = places[t, b]
            place[0] = state[IN_BODY]
            place[1] = state[ELAPSED]
            place[2] = state[METER]
            place[3] = state[UNIT]
            place[4] = state[NUMBER]
            place[5] = state[PICKUP]
            place[6] = state[SECTIONS]
            place[7] = state[NUMBER_BEFORE]
            place[8] = state[MODE]


@_compiled
def _read_character(state: Any, code: int) -> int:
    if code == _BREAK:
        return _end_line(state)
    if state[FIELD] and not (state[IN_BODY] and state[PREVIOUS] == _COLON and code in (_BAR, _COLON)):
        return _read_field_value(state, code)
    if state[FIELD]:
        # `G:|` is a note and a bar line, not a field.
        state[FIELD] = 0
        state[ELAPSED] = min(state[ELAPSED] + state[BASE], _MAX_BAR_TICKS)
    if state[SKIP]:
        closes = code == state[SKIP] or (state[SKIP] == _BANG and code in (_SPACE, _BAR))
        if closes:
            state[SKIP] = 0
        if not closes or code != _BAR:
            return NONE
    if state[AT_LINE_START]:
        state[AT_LINE_START] = 0
        state[FIRST] = code if _is_letter(code) else 0
    elif state[FIRST] and code == _COLON:
        _begin_field(state, state[FIRST], False)
        if state[NOTE_IS_OPEN]:
            state[ELAPSED] = state[BEFORE]
            state[NOTE_IS_OPEN] = 0
        else:
            state[BASE] = 0
        state[FIRST] = 0
        return NONE
    else:
        state[FIRST] = 0
    return _read_music(state, code) if state[IN_BODY] else NONE


@_compiled
def _end_line(state: Any) -> int:
    if state[AT_LINE_START]:
        _begin_tune(state)
        return RESET
    state[AT_LINE_START] = 1
    state[SKIP] = state[NOTE_IS_OPEN] = state[FIRST] = state[TUPLET_PART] = state[IN_CHORD] = 0
    return _end_field(state) if state[FIELD] else NONE


@_compiled
def _begin_field(state: Any, letter: int, is_inline: bool) -> None:
    state[FIELD], state[IS_INLINE] = letter, is_inline
    state[SUM] = state[TOP] = state[BOTTOM] = state[IN_BOTTOM] = state[KEY_PART] = 0


@_compiled
def _read_field_value(state: Any, code: int) -> int:
    if state[IS_INLINE] and code == _CLOSE:
        return _end_field(state)
    if state[FIELD] == _K:
        _read_key(state, code)
    elif state[FIELD] == _M and code == _C:
        state[TOP], state[BOTTOM] = 4, 4
    elif _ZERO <= code <= _NINE:
        part = BOTTOM if state[IN_BOTTOM] else TOP
        state[part] = min(10 * state[part] + code - _ZERO, _MAX_NUMBER)
    elif code == _SLASH:
        state[IN_BOTTOM] = 1
    elif code == _PLUS:
        state[SUM] += state[TOP]
        state[TOP] = 0
    return NONE


@_compiled
def _read_key(state: Any, code: int) -> None:
    """Another character of a key: `Ador`, `A Dorian`, `F#m`, `Bb`, `D`. The first letter is the tonic."""
    letter, part = code | _SMALL, state[KEY_PART]
    if part == 0:
        if not _FIRST_NOTE <= code <= _LAST_NOTE:
            return
        state[MODE] = MAJOR
    elif part > 3 or not _is_letter(code) or (part == 1 and code == _FLAT):
        return
    elif part == 1:
        for first, mode in _MODE_OF_LETTER:
            if letter == first:
                state[MODE] = mode
    elif part == 2 and letter == _A and state[MODE] == MINOR:
        # `maj`, unlike `m`, `min` and `mix`.
        state[MODE] = MAJOR
    elif part == 3 and letter == _X:
        state[MODE] = MIXOLYDIAN
    state[KEY_PART] += 1


@_compiled
def _end_field(state: Any) -> int:
    letter, top, bottom = state[FIELD], state[SUM] + state[TOP], max(state[BOTTOM], 1)
    state[FIELD] = 0
    if letter == _M:
        state[METER] = min(top * WHOLE_NOTE // bottom, _MAX_BAR_TICKS)
    elif letter == _L and top:
        state[UNIT] = min(max(top * WHOLE_NOTE // bottom, 1), _MAX_UNIT_TICKS)
    elif letter == _K and not state[IN_BODY]:
        state[IN_BODY] = state[IS_EMPTY] = state[AT_SECTION_START] = 1
        if not state[UNIT]:
            is_brief = 0 < state[METER] < 3 * WHOLE_NOTE // 4
            state[UNIT] = WHOLE_NOTE // 16 if is_brief else WHOLE_NOTE // 8
        return BAR
    return NONE


@_compiled
def _read_music(state: Any, code: int) -> int:
    previous = state[PREVIOUS]
    is_digit = _ZERO <= code <= _NINE
    if state[TUPLET_PART]:
        if is_digit or code == _COLON:
            _read_tuplet(state, code)
            return NONE
        _end_tuplet(state)
    if state[NOTE_IS_OPEN]:
        if is_digit or code == _SLASH:
            _read_length(state, code)
            return NONE
        if code != _COMMA and code != _APOSTROPHE:
            state[NOTE_IS_OPEN] = 0
    if _is_note(code):
        if not state[IN_CHORD] or not state[CHORD_HAS_NOTE]:
            _begin_note(state)
        state[CHORD_HAS_NOTE] = 1
    elif code == _BAR or (code == _COLON and previous == _COLON):
        return _end_bar(state, code, previous)
    elif code in (_COLON, _CLOSE) and previous == _BAR:
        _begin_section(state)
        return MOVED
    elif is_digit and previous in (_BAR, _OPEN):
        state[IN_CHORD] = 0
        state[AT_SECTION_START] = 1
        if code != _ZERO + 1 and state[IS_EMPTY] and state[NUMBER] == 0:
            # The second ending replaces the first.
            state[NUMBER] = max(state[NUMBER_BEFORE] - 1, 0)
            state[SECTIONS] = max(state[SECTIONS] - 1, 0)
    elif code == _MEASURE:
        # A whole bar of rest cannot be lengthened by a sign after it.
        state[ELAPSED] = state[BEFORE] = state[METER]
        state[IS_EMPTY] = 0
    else:
        _read_mark(state, code, previous)
    return NONE


@_compiled
def _read_mark(state: Any, code: int, previous: int) -> None:
    if code in (_GREATER, _LESS):
        _break_rhythm(state, code)
    elif code == _PARENTHESIS:
        state[TUPLET_PART] = 1
        state[TUPLET_P] = state[TUPLET_Q] = state[TUPLET_R] = 0
    elif code == _OPEN:
        state[IN_CHORD], state[CHORD_HAS_NOTE] = 1, 0
    elif code == _CLOSE and state[IN_CHORD]:
        state[IN_CHORD] = 0
        if state[CHORD_HAS_NOTE]:
            # A number after the bracket multiplies the length of the chord's first note.
            state[BASE] = state[ELAPSED] - state[BEFORE]
            state[OVER], state[UNDER], state[SLASHES], state[NOTE_IS_OPEN] = 0, 1, 0, 1
    elif code == _COLON and state[IN_CHORD] and _is_letter(previous):
        # An inline field: the apparent note in the chord was its letter.
        if state[CHORD_HAS_NOTE]:
            state[ELAPSED] = state[BEFORE]
        state[IN_CHORD] = state[NOTE_IS_OPEN] = 0
        _begin_field(state, previous, True)
    elif code in (_QUOTE, _BANG):
        state[SKIP] = code
    elif code == _BRACE:
        state[SKIP] = _BRACE_END
    elif code == _PERCENT:
        state[SKIP] = _BREAK


@_compiled
def _begin_note(state: Any) -> None:
    base = state[UNIT]
    if state[TUPLET_LEFT]:
        base = base * state[TUPLET_OVER] // state[TUPLET_UNDER]
        state[TUPLET_LEFT] -= 1
    if state[BROKEN]:
        base = base * state[NEXT] // 8
        state[BROKEN] = 0
    state[BASE], state[OVER], state[UNDER], state[SLASHES] = base, 0, 1, 0
    state[NOTE_IS_OPEN] = 1
    state[BEFORE] = state[ELAPSED]
    state[ELAPSED] = min(state[ELAPSED] + base, _MAX_BAR_TICKS)
    state[IS_EMPTY] = 0


@_compiled
def _read_length(state: Any, code: int) -> None:
    """Another character of the last note's length: `3`, `3/2`, `/`, `//`."""
    if code == _SLASH:
        state[SLASHES] += 1
        state[UNDER] = min(2 * state[UNDER], _MAX_NUMBER)
    elif state[SLASHES] == 0:
        state[OVER] = min(10 * state[OVER] + code - _ZERO, _MAX_NUMBER)
    elif state[PREVIOUS] == _SLASH:
        # Until now, the slash without a number meant a half.
        state[UNDER] = state[UNDER] // 2 * (code - _ZERO)
    else:
        state[UNDER] = min(10 * state[UNDER] + code - _ZERO, _MAX_NUMBER)
    length = state[BASE] * max(state[OVER], 1) // max(state[UNDER], 1)
    state[ELAPSED] = min(state[BEFORE] + length, _MAX_BAR_TICKS)


@_compiled
def _break_rhythm(state: Any, code: int) -> None:
    """Lengthen the last note and shorten the next (`>`), or the reverse (`<`); up to three signs."""
    if not state[BROKEN]:
        state[LAST] = state[ELAPSED] - state[BEFORE]
    state[BROKEN] = min(state[BROKEN] + 1, 3)
    short = 8 >> state[BROKEN]
    eighths = 16 - short if code == _GREATER else short
    state[NEXT] = 16 - eighths
    state[ELAPSED] = min(state[BEFORE] + state[LAST] * eighths // 8, _MAX_BAR_TICKS)


@_compiled
def _read_tuplet(state: Any, code: int) -> None:
    if code == _COLON:
        state[TUPLET_PART] = min(state[TUPLET_PART] + 1, 3)
        return
    part = TUPLET_P + state[TUPLET_PART] - 1
    state[part] = min(10 * state[part] + code - _ZERO, 64)


@_compiled
def _end_tuplet(state: Any) -> None:
    """Apply a tuplet: p notes in the time of q for the next r. Without numbers it was a slur."""
    state[TUPLET_PART] = 0
    p, q = state[TUPLET_P], state[TUPLET_Q]
    if p == 0:
        return
    if q == 0:
        is_compound = state[METER] * 8 % (3 * WHOLE_NOTE) == 0 and state[METER] * 4 != 3 * WHOLE_NOTE
        q = 3 if p in (2, 4, 8) or (is_compound and p not in (3, 6)) else 2
    state[TUPLET_OVER], state[TUPLET_UNDER] = q, p
    state[TUPLET_LEFT] = state[TUPLET_R] if state[TUPLET_R] else p


@_compiled
def _end_bar(state: Any, code: int, previous: int) -> int:
    event = MOVED
    if not state[IS_EMPTY]:
        is_first = state[AT_SECTION_START] and state[NUMBER] == 0
        is_pickup = is_first and state[ELAPSED] < state[METER]
        if is_first:
            state[PICKUP] = state[ELAPSED] if is_pickup else 0
        if not is_pickup:
            state[NUMBER] += 1
            event = BAR
        state[AT_SECTION_START] = 0
    state[ELAPSED] = state[BEFORE] = state[BROKEN] = state[TUPLET_LEFT] = state[IN_CHORD] = 0
    state[IS_EMPTY] = 1
    if previous in (_COLON, _BAR, _OPEN):
        _begin_section(state)
    return event


@_compiled
def _begin_section(state: Any) -> None:
    if state[NUMBER]:
        state[NUMBER_BEFORE] = state[NUMBER]
        state[SECTIONS] += 1
    state[NUMBER] = 0
    state[AT_SECTION_START] = 1


@_compiled
def _is_letter(code: int) -> bool:
    return _FIRST_NOTE <= code <= _LAST_CAPITAL or _FIRST_HIGH_NOTE <= code <= _LAST_SMALL


@_compiled
def _is_note(code: int) -> bool:
    return (
        _FIRST_NOTE <= code <= _LAST_NOTE
        or _FIRST_HIGH_NOTE <= code <= _LAST_HIGH_NOTE
        or code in (_REST, _INVISIBLE_REST)
    )
