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

from musicgen.notation import place_lengths
from musicgen.notation import place_state as at
from musicgen.notation.place_lengths import begin_note, break_rhythm, end_tuplet, read_length, read_tuplet
from musicgen.system.compiled_code import compiled

_compiled = compiled(uses=[at, place_lengths])
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
    (ord("m"), at.MINOR),
    (ord("a"), at.MINOR),
    (ord("d"), at.DORIAN),
    (ord("l"), at.LYDIAN),
    (ord("p"), at.PHRYGIAN),
)
_MAX_UNIT_TICKS = 256 * at.WHOLE_NOTE


def code_points(text: str) -> NDArray[np.int64]:
    """The code point of each character, shape (len(text),)."""
    # A lone surrogate is read like any other character; it is never written to a file.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)


class PlaceReader:
    """Reads texts in parallel, one character at a time, and tracks the place of the next character."""

    def __init__(self, num_texts: int) -> None:
        self.states = np.zeros((num_texts, at.NUM_FIELDS), np.int64)
        for state in self.states:
            _begin_tune(state)

    def read(self, codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read code points [T, B]; returns the place after each, [T, B, 9], and its effect, [T, B].

        A place is: whether the body has begun, ticks of the bar so far, ticks of a full bar (0 in free
        meter), ticks of a unit note, whole bars since the section began, ticks of the section's pickup,
        number of sections before it, whole bars of the one before it, and the mode of the key.
        """
        places = np.empty((*codes.shape, at.NUM_COLUMNS), np.int64)
        events = np.empty(codes.shape, np.int64)
        _read(self.states, codes, places, events)
        return places, events

    def keep(self, texts: NDArray[np.int64]) -> None:
        """Drop all other texts."""
        self.states = self.states[texts]


@_compiled
def _begin_tune(state: Any) -> None:
    state[:] = 0
    state[at.AT_LINE_START] = 1
    state[at.PREVIOUS] = _BREAK


@_compiled
def _read(states: Any, codes: Any, places: Any, events: Any) -> None:
    for t in range(codes.shape[0]):
        for b in range(codes.shape[1]):
            state = states[b]
            events[t, b] = _read_character(state, codes[t, b])
            state[at.PREVIOUS] = codes[t, b]
            place = places[t, b]
            place[0] = state[at.IN_BODY]
            place[1] = state[at.ELAPSED]
            place[2] = state[at.METER]
            place[3] = state[at.UNIT]
            place[4] = state[at.NUMBER]
            place[5] = state[at.PICKUP]
            place[6] = state[at.SECTIONS]
            place[7] = state[at.NUMBER_BEFORE]
            place[8] = state[at.MODE]


@_compiled
def _read_character(state: Any, code: int) -> int:
    if code == _BREAK:
        return _end_line(state)
    if state[at.FIELD] and not (
        state[at.IN_BODY] and state[at.PREVIOUS] == _COLON and code in (_BAR, _COLON)
    ):
        return _read_field_value(state, code)
    if state[at.FIELD]:
        # `G:|` is a note and a bar line, not a field.
        state[at.FIELD] = 0
        state[at.ELAPSED] = min(state[at.ELAPSED] + state[at.BASE], at.MAX_BAR_TICKS)
    if state[at.SKIP]:
        closes = code == state[at.SKIP] or (state[at.SKIP] == _BANG and code in (_SPACE, _BAR))
        if closes:
            state[at.SKIP] = 0
        if not closes or code != _BAR:
            return at.NONE
    if state[at.AT_LINE_START]:
        state[at.AT_LINE_START] = 0
        state[at.FIRST] = code if _is_letter(code) else 0
    elif state[at.FIRST] and code == _COLON:
        _begin_field(state, state[at.FIRST], False)
        if state[at.NOTE_IS_OPEN]:
            state[at.ELAPSED] = state[at.BEFORE]
            state[at.NOTE_IS_OPEN] = 0
        else:
            state[at.BASE] = 0
        state[at.FIRST] = 0
        return at.NONE
    else:
        state[at.FIRST] = 0
    return _read_music(state, code) if state[at.IN_BODY] else at.NONE


@_compiled
def _end_line(state: Any) -> int:
    if state[at.AT_LINE_START]:
        _begin_tune(state)
        return at.RESET
    state[at.AT_LINE_START] = 1
    state[at.SKIP] = state[at.NOTE_IS_OPEN] = state[at.FIRST] = state[at.TUPLET_PART] = state[at.IN_CHORD] = 0
    return _end_field(state) if state[at.FIELD] else at.NONE


@_compiled
def _begin_field(state: Any, letter: int, is_inline: bool) -> None:
    state[at.FIELD], state[at.IS_INLINE] = letter, is_inline
    state[at.SUM] = state[at.TOP] = state[at.BOTTOM] = state[at.IN_BOTTOM] = state[at.KEY_PART] = 0


@_compiled
def _read_field_value(state: Any, code: int) -> int:
    if state[at.IS_INLINE] and code == _CLOSE:
        return _end_field(state)
    if state[at.FIELD] == _K:
        _read_key(state, code)
    elif state[at.FIELD] == _M and code == _C:
        state[at.TOP], state[at.BOTTOM] = 4, 4
    elif _ZERO <= code <= _NINE:
        part = at.BOTTOM if state[at.IN_BOTTOM] else at.TOP
        state[part] = min(10 * state[part] + code - _ZERO, at.MAX_NUMBER)
    elif code == _SLASH:
        state[at.IN_BOTTOM] = 1
    elif code == _PLUS:
        state[at.SUM] += state[at.TOP]
        state[at.TOP] = 0
    return at.NONE


@_compiled
def _read_key(state: Any, code: int) -> None:
    """Another character of a key: `Ador`, `A Dorian`, `F#m`, `Bb`, `D`. The first letter is the tonic."""
    letter, part = code | _SMALL, state[at.KEY_PART]
    if part == 0:
        if not _FIRST_NOTE <= code <= _LAST_NOTE:
            return
        state[at.MODE] = at.MAJOR
    elif part > 3 or not _is_letter(code) or (part == 1 and code == _FLAT):
        return
    elif part == 1:
        for first, mode in _MODE_OF_LETTER:
            if letter == first:
                state[at.MODE] = mode
    elif part == 2 and letter == _A and state[at.MODE] == at.MINOR:
        # `maj`, unlike `m`, `min` and `mix`.
        state[at.MODE] = at.MAJOR
    elif part == 3 and letter == _X:
        state[at.MODE] = at.MIXOLYDIAN
    state[at.KEY_PART] += 1


@_compiled
def _end_field(state: Any) -> int:
    letter, top, bottom = state[at.FIELD], state[at.SUM] + state[at.TOP], max(state[at.BOTTOM], 1)
    state[at.FIELD] = 0
    if letter == _M:
        state[at.METER] = min(top * at.WHOLE_NOTE // bottom, at.MAX_BAR_TICKS)
    elif letter == _L and top:
        state[at.UNIT] = min(max(top * at.WHOLE_NOTE // bottom, 1), _MAX_UNIT_TICKS)
    elif letter == _K and not state[at.IN_BODY]:
        state[at.IN_BODY] = state[at.IS_EMPTY] = state[at.AT_SECTION_START] = 1
        if not state[at.UNIT]:
            is_brief = 0 < state[at.METER] < 3 * at.WHOLE_NOTE // 4
            state[at.UNIT] = at.WHOLE_NOTE // 16 if is_brief else at.WHOLE_NOTE // 8
        return at.BAR
    return at.NONE


@_compiled
def _read_music(state: Any, code: int) -> int:
    previous = state[at.PREVIOUS]
    is_digit = _ZERO <= code <= _NINE
    if state[at.TUPLET_PART]:
        if is_digit or code == _COLON:
            read_tuplet(state, code)
            return at.NONE
        end_tuplet(state)
    if state[at.NOTE_IS_OPEN]:
        if is_digit or code == _SLASH:
            read_length(state, code)
            return at.NONE
        if code != _COMMA and code != _APOSTROPHE:
            state[at.NOTE_IS_OPEN] = 0
    if _is_note(code):
        if not state[at.IN_CHORD] or not state[at.CHORD_HAS_NOTE]:
            begin_note(state)
        state[at.CHORD_HAS_NOTE] = 1
    elif code == _BAR or (code == _COLON and previous == _COLON):
        return _end_bar(state, code, previous)
    elif code in (_COLON, _CLOSE) and previous == _BAR:
        _begin_section(state)
        return at.MOVED
    elif is_digit and previous in (_BAR, _OPEN):
        state[at.IN_CHORD] = 0
        state[at.AT_SECTION_START] = 1
        if code != _ZERO + 1 and state[at.IS_EMPTY] and state[at.NUMBER] == 0:
            # The second ending replaces the first.
            state[at.NUMBER] = max(state[at.NUMBER_BEFORE] - 1, 0)
            state[at.SECTIONS] = max(state[at.SECTIONS] - 1, 0)
    elif code == _MEASURE:
        # A whole bar of rest cannot be lengthened by a sign after it.
        state[at.ELAPSED] = state[at.BEFORE] = state[at.METER]
        state[at.IS_EMPTY] = 0
    else:
        _read_mark(state, code, previous)
    return at.NONE


@_compiled
def _read_mark(state: Any, code: int, previous: int) -> None:
    if code in (_GREATER, _LESS):
        break_rhythm(state, code)
    elif code == _PARENTHESIS:
        state[at.TUPLET_PART] = 1
        state[at.TUPLET_P] = state[at.TUPLET_Q] = state[at.TUPLET_R] = 0
    elif code == _OPEN:
        state[at.IN_CHORD], state[at.CHORD_HAS_NOTE] = 1, 0
    elif code == _CLOSE and state[at.IN_CHORD]:
        state[at.IN_CHORD] = 0
        if state[at.CHORD_HAS_NOTE]:
            # A number after the bracket multiplies the length of the chord's first note.
            state[at.BASE] = state[at.ELAPSED] - state[at.BEFORE]
            state[at.OVER], state[at.UNDER], state[at.SLASHES], state[at.NOTE_IS_OPEN] = 0, 1, 0, 1
    elif code == _COLON and state[at.IN_CHORD] and _is_letter(previous):
        # An inline field: the apparent note in the chord was its letter.
        if state[at.CHORD_HAS_NOTE]:
            state[at.ELAPSED] = state[at.BEFORE]
        state[at.IN_CHORD] = state[at.NOTE_IS_OPEN] = 0
        _begin_field(state, previous, True)
    elif code in (_QUOTE, _BANG):
        state[at.SKIP] = code
    elif code == _BRACE:
        state[at.SKIP] = _BRACE_END
    elif code == _PERCENT:
        state[at.SKIP] = _BREAK


@_compiled
def _end_bar(state: Any, code: int, previous: int) -> int:
    event = at.MOVED
    if not state[at.IS_EMPTY]:
        is_first = state[at.AT_SECTION_START] and state[at.NUMBER] == 0
        is_pickup = is_first and state[at.ELAPSED] < state[at.METER]
        if is_first:
            state[at.PICKUP] = state[at.ELAPSED] if is_pickup else 0
        if not is_pickup:
            state[at.NUMBER] += 1
            event = at.BAR
        state[at.AT_SECTION_START] = 0
    state[at.ELAPSED] = state[at.BEFORE] = state[at.BROKEN] = state[at.TUPLET_LEFT] = state[at.IN_CHORD] = 0
    state[at.IS_EMPTY] = 1
    if previous in (_COLON, _BAR, _OPEN):
        _begin_section(state)
    return event


@_compiled
def _begin_section(state: Any) -> None:
    if state[at.NUMBER]:
        state[at.NUMBER_BEFORE] = state[at.NUMBER]
        state[at.SECTIONS] += 1
    state[at.NUMBER] = 0
    state[at.AT_SECTION_START] = 1


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
