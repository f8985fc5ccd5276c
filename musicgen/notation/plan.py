"""The plan of a tune: how many bars each of its sections has, and on which note it ends.

A network that plans writes a line such as `r:8c8c` below the K: line, before any music: two sections of eight
bars that end on C, in a bar that leaves room for a pickup. A capital letter stands for a full last bar. Then
it reads how far each section is from its planned end. Since the plan follows from the tune, the likelihood of
both together is a lower bound on that of the tune.

Shapes: T characters, B texts.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musicgen.notation.headers import music_start
from musicgen.notation.place import PlaceReader, code_points
from musicgen.notation.place_state import RESET
from musicgen.system.compiled_code import compiled

MAX_SECTIONS = 12
"""A plan has no more."""
NUM_COLUMNS = 4
"""Numbers that a PlanReader returns for each character."""
NUM_ENDINGS = 16
"""Last notes in a plan: 0 for no plan, 1 to 7 for C to B, 8 to 14 for c to b, 15 for anything else."""

PLAN_FIELD = "r:"
"""A remark, which other programs ignore: the ABC standard 2.1, section 3.1.15."""

_compiled = compiled()
_PLAN_LINE = re.compile(r"(^[ \t]*K[ \t]*:.*\n)r:.*(?:\n|\Z)", re.MULTILINE)
_LATER_PLAN = re.compile(r"(^[ \t]*K[ \t]*:.*\n)r:(?:\d+[A-GZa-gz])+(?:\n|\Z)", re.MULTILINE)
_BREAK, _R, _COLON, _ZERO, _NINE = ord("\n"), ord("r"), ord(":"), ord("0"), ord("9")
_A, _G, _Z, _TO_SMALL = ord("A"), ord("G"), ord("Z"), 32
_OTHER_ENDING = 15
_MAX_BARS = 99


def with_plan(tune: str) -> str:
    """The tune with its plan below the K: line."""
    start = music_start(tune)
    return f"{tune[:start]}{PLAN_FIELD}{_plan(tune)}\n{tune[start:]}" if start < len(tune) else tune


def without_plan(tune: str) -> str:
    """The tune, or its beginning, without the line that `with_plan` added."""
    return _PLAN_LINE.sub(r"\1", tune, count=1)


def without_later_plans(tune: str) -> str:
    """The tune without plans that a network wrote again where it changed the key; remarks stay."""
    return _LATER_PLAN.sub(r"\1", tune)


def _plan(tune: str) -> str:
    codes = code_points(f"\n{tune}")
    places, _ = PlaceReader(1).read(codes[:, None])
    sections = np.zeros((MAX_SECTIONS, 2), np.int64)
    number = _find_sections(codes, places[:, 0], sections)
    return "".join(f"{bars}{chr(ending)}" for bars, ending in sections[:number].tolist())


@_compiled
def _find_sections(codes: Any, places: Any, sections: Any) -> int:
    """Write the bars and the ending of each section; return their number, at most MAX_SECTIONS."""
    elapsed = bar = ended = last_note = 0
    for t in range(1, len(codes)):
        if not places[t, 0]:
            continue
        is_longer = places[t, 1] > places[t - 1, 1]
        if is_longer and (_A <= codes[t] <= _G or _A <= codes[t] - _TO_SMALL <= _G):
            last_note = codes[t] & ~_TO_SMALL
        if places[t, 1]:
            elapsed, bar = places[t, 1], places[t, 2]
        number = places[t, 6]
        if ended < number <= MAX_SECTIONS:
            _write_section(sections[number - 1], places[t, 7], last_note, elapsed < bar)
        ended = min(number, MAX_SECTIONS)
    bars = places[-1, 4] + (places[-1, 1] > 0)
    if bars and ended < MAX_SECTIONS:
        # The last section of a tune often ends without a sign.
        _write_section(sections[ended], bars, last_note, elapsed < bar)
        ended += 1
    return ended


@_compiled
def _write_section(section: Any, bars: int, last_note: int, is_short: bool) -> None:
    section[0] = min(bars, _MAX_BARS)
    section[1] = (last_note if last_note else _Z) + (_TO_SMALL if is_short else 0)


class PlanReader:
    """Reads many texts in parallel, one character at a time, and compares each with its plan."""

    def __init__(self, num_texts: int) -> None:
        self._states = np.zeros((num_texts, _NUM_FIELDS), np.int64)
        self._states[:, _PREVIOUS] = _BREAK

    def read(
        self, codes: NDArray[np.int64], places: NDArray[np.int64], events: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Read code points [T, B] with places and effects (place.py); returns [T, B, NUM_COLUMNS].

        After each character: bars left of the planned section, plus 1 (at least 1; 0 without a plan); its
        last note (below NUM_ENDINGS); the number of planned sections left, with this one; and whether the
        section before is planned to end alike.
        """
        found = np.empty((*codes.shape, NUM_COLUMNS), np.int64)
        _read(self._states, codes, places, events, found)
        return found

    def keep(self, texts: NDArray[np.int64]) -> None:
        """Drop all other texts."""
        self._states = self._states[texts]


_PREVIOUS, _BEFORE, _READS, _BARS, _COUNT = range(5)
_FIRST = 5
_NUM_FIELDS = _FIRST + 2 * MAX_SECTIONS


@_compiled
def _read(states: Any, codes: Any, places: Any, events: Any, found: Any) -> None:
    for b in range(codes.shape[1]):
        state = states[b]
        for t in range(codes.shape[0]):
            code = codes[t, b]
            if events[t, b] == RESET:
                state[:] = 0
            elif state[_READS]:
                _read_plan(state, code)
            elif (
                code == _COLON and state[_PREVIOUS] == _R and state[_BEFORE] == _BREAK and state[_COUNT] == 0
            ):
                state[_READS] = places[t, b, 0]
            state[_BEFORE] = state[_PREVIOUS]
            state[_PREVIOUS] = code
            section = places[t, b, 6]
            found[t, b, :] = 0
            if section < state[_COUNT]:
                left = state[_FIRST + 2 * section] - places[t, b, 4]
                found[t, b, 0] = 1 + max(left, 0)
                found[t, b, 1] = state[_FIRST + 2 * section + 1]
                found[t, b, 2] = state[_COUNT] - section
                before = state[_FIRST + 2 * section - 1] if section else 0
                found[t, b, 3] = before == found[t, b, 1]


@_compiled
def _read_plan(state: Any, code: int) -> None:
    if code == _BREAK:
        state[_READS] = 0
    elif _ZERO <= code <= _NINE:
        state[_BARS] = min(10 * state[_BARS] + code - _ZERO, _MAX_BARS)
    elif state[_COUNT] < MAX_SECTIONS:
        place = _FIRST + 2 * state[_COUNT]
        state[place] = state[_BARS]
        state[place + 1] = _ending(code)
        state[_COUNT] += 1
        state[_BARS] = 0


@_compiled
def _ending(code: int) -> int:
    """1 to 7 for C to B, 8 to 14 for c to b, else 15."""
    if ord("A") <= code <= ord("G"):
        return 1 + (code - ord("C")) % 7
    if ord("a") <= code <= ord("g"):
        return 8 + (code - ord("c")) % 7
    return _OTHER_ENDING
