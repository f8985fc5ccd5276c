"""Changes of an input that keep its form: another value, one left out or doubled, in some JSON of it.

Bytes that are changed at random are mostly no JSON any more, and say little about what reads it.
"""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

from tests.soak.fuzzing.runs import SEPARATOR

_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2,
    2**63,
    10**400,
    0.5,
    -0.0,
    1e-300,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "null",
    "..",
    "../../x",
    "a" * 300,
    "\x00\x1b[31m\n",
    "\ud800",
    "<b>&",
    "'\"",
    "2026-11-26",
    [],
    [1, "a"],
    [[[]]],
    {},
    {"": 1},
    {"mean": 1, "sd": 0},
)
_DEEP = b"[" * 5000
_MOST_CHANGES = 3


def mutated(content: bytes, chance: random.Random, by_bytes: Callable[[bytes], bytes]) -> bytes:
    """The input with a part of it changed: as JSON where it is some, else and at times by `by_bytes`."""
    parts = content.split(SEPARATOR)
    place = chance.randrange(len(parts))
    parts[place] = _mutated_part(parts[place], chance, by_bytes)
    return SEPARATOR.join(parts)


def some_bytes(content: bytes, chance: random.Random) -> bytes:
    """The content with a few stretches of it cut out, doubled or overwritten."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(changed))
        stop = start + chance.randint(0, 8)
        piece = chance.choice([b"", changed[start:stop] * 2, chance.randbytes(chance.randint(1, 4))])
        changed[start:stop] = piece
    return bytes(changed)


def _mutated_part(part: bytes, chance: random.Random, by_bytes: Callable[[bytes], bytes]) -> bytes:
    try:
        value = json.loads(part)
    except (ValueError, RecursionError):
        return by_bytes(part)
    if not isinstance(value, dict) or chance.random() < 0.2:
        return by_bytes(part)
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        _change(value, chance)
    text = json.dumps(value).encode()
    return text.replace(b"null", _DEEP, 1) if chance.random() < 0.01 else text


def _change(value: Any, chance: random.Random) -> None:
    """Change something in a mapping or list, at any depth."""
    places = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not places:
        return
    place = chance.choice(places)
    inner = value[place]
    if isinstance(inner, (dict, list)) and inner and chance.random() < 0.7:
        _change(inner, chance)
    elif chance.random() < 0.15:
        del value[place]
    elif isinstance(value, dict) and chance.random() < 0.1:
        value[f"{place}{chance.choice(['', '.', '/', ' '])}x"] = inner
    else:
        value[place] = copy.deepcopy(chance.choice([*_VALUES, *_values_of(value)]))


def _values_of(value: Any) -> list[Any]:
    """Its own values, which may stand in each other's places."""
    return list(value.values()) if isinstance(value, dict) else list(value)
