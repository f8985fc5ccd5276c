"""Real tunes with one thing made wrong, and nothing else."""

import re

from musicgen.notation import Bar, parse_tune

NOTE = re.compile(r"[_^=]*[A-Ga-g][,']*[\d/]*")
_NEXT = dict(zip("CDEFGABcdefgab", [*"DEFGABcdefgab", "c'"], strict=True))


def cut_off(tune: str) -> str:
    """The first half of the tune, up to the first note of a bar."""
    header, bars = _parts(tune)
    half = len(bars) // 2
    first = NOTE.search(bars[half].text)
    assert first is not None
    return header + "".join(bar.text + bar.line for bar in bars[:half]) + first[0]


def looped(tune: str) -> str:
    """The tune with six statements of its first two full bars before its last bar."""
    header, bars = _parts(tune)
    return header + "|".join([bar.text for bar in [*bars[1:3] * 6, bars[-1]]]) + "|]"


def off_its_tonic(tune: str) -> str:
    """The tune with its last note a step higher."""
    *_, last = NOTE.finditer(tune)
    return tune[: last.start()] + _a_step_higher(last[0]) + tune[last.end() :]


def moved_without_key(tune: str) -> str:
    """Every note a step higher under the same K:."""
    header, key, body = re.split(r"(\nK:[^\n]*\n)", tune, maxsplit=1)
    return header + key + NOTE.sub(lambda note: _a_step_higher(note[0]), body)


def _a_step_higher(note: str) -> str:
    return re.sub(r"[A-Ga-g]", lambda letter: _NEXT[letter[0]], note)


def _parts(tune: str) -> tuple[str, tuple[Bar, ...]]:
    parsed = parse_tune(tune)
    return "".join(f"{letter}:{value}\n" for letter, value in parsed.headers), parsed.bars
