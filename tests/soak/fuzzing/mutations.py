"""Mutations that keep JSON valid: a value replaced, removed or added.

After random changes of bytes it would mostly be invalid, which tests little of the code that reads it.
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
_MAX_CHANGES = 3


def mutate(content: bytes, rng: random.Random, mutate_bytes: Callable[[bytes], bytes]) -> bytes:
    """Change one part of the input, with `mutate_bytes` if it is not JSON, and sometimes if it is."""
    parts = content.split(SEPARATOR)
    place = rng.randrange(len(parts))
    parts[place] = _mutate_part(parts[place], rng, mutate_bytes)
    return SEPARATOR.join(parts)


def mutate_some_bytes(content: bytes, rng: random.Random) -> bytes:
    """Remove, repeat or overwrite a few short pieces."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(changed))
        stop = start + rng.randint(0, 8)
        piece = rng.choice([b"", changed[start:stop] * 2, rng.randbytes(rng.randint(1, 4))])
        changed[start:stop] = piece
    return bytes(changed)


def _mutate_part(part: bytes, rng: random.Random, mutate_bytes: Callable[[bytes], bytes]) -> bytes:
    try:
        value = json.loads(part)
    except (ValueError, RecursionError):
        return mutate_bytes(part)
    if not isinstance(value, dict) or rng.random() < 0.2:
        return mutate_bytes(part)
    for _ in range(rng.randint(1, _MAX_CHANGES)):
        _change(value, rng)
    text = json.dumps(value).encode()
    return text.replace(b"null", _DEEP, 1) if rng.random() < 0.01 else text


def _change(value: Any, rng: random.Random) -> None:
    """Change one value in a mapping or list, at any depth, in place."""
    places = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not places:
        return
    place = rng.choice(places)
    inner = value[place]
    if isinstance(inner, (dict, list)) and inner and rng.random() < 0.7:
        _change(inner, rng)
    elif rng.random() < 0.15:
        del value[place]
    elif isinstance(value, dict) and rng.random() < 0.1:
        value[f"{place}{rng.choice(['', '.', '/', ' '])}x"] = inner
    else:
        siblings = value.values() if isinstance(value, dict) else value
        value[place] = copy.deepcopy(rng.choice([*_VALUES, *siblings]))
