"""Which of many configurations has the most single changes of it, without comparing every two of them.

Two configurations differ in one parameter alone if they are equal once it is left out. So for each parameter
the configurations are sorted into groups of those that are equal without it: in a group, each is a change of
every other one with another value. For n configurations that takes time in proportion to n.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Configuration = Mapping[str, object]
"""Dotted name -> value of everything that enters an identity but the seed."""

CORPUS_FIELDS = ("data.source", "data.path", "data.url", "data.sha256")
"""They follow from data.name, and count as one parameter with it."""
CORPUS_TEXT = "corpus.sha256"
"""The corpus as it was read: the same files may hold other tunes later."""
FOLLOWING = ("training.num_threads", "training.precision")
"""Unless they are set by hand, they follow from the network's size and the machine."""


def differing_parameters(first: Configuration, second: Configuration) -> list[str]:
    """The parameters in which two configurations differ."""
    names = [
        name
        for name in dict.fromkeys([*first, *second])
        if first.get(name, "absent") != second.get(name, "absent")
    ]
    merged = dict.fromkeys("data.name" if name in CORPUS_FIELDS else name for name in names)
    if any(name.startswith("data.") for name in merged):
        # Another corpus, or another cleaning of it, is another text.
        merged.pop(CORPUS_TEXT, None)
    if len(merged) > 1:
        for name in FOLLOWING:
            merged.pop(name, None)
    return list(merged)


@dataclass(frozen=True)
class _Parameter:
    """One parameter as `differing_parameters` tells them apart."""

    name: str
    own: Sequence[str]
    """The names that count as it."""
    ignored: Sequence[str]
    """Names that may differ beside it."""


def _parameters(names: Sequence[str]) -> list[_Parameter]:
    found = []
    for name in names:
        if name in CORPUS_FIELDS:
            continue
        own = [name, *CORPUS_FIELDS] if name == "data.name" else [name]
        ignored = () if name in FOLLOWING else FOLLOWING
        text = (CORPUS_TEXT,) if name.startswith("data.") else ()
        found.append(_Parameter(name, own, (*ignored, *text)))
    return found


def count_changes(configurations: Sequence[Configuration]) -> NDArray[np.int64]:
    """For each of the different configurations, how many levels there are that differ in one parameter."""
    names = list(dict.fromkeys(["data.name", *(name for one in configurations for name in one)]))
    codes = {name: _codes([one.get(name, "absent") for one in configurations]) for name in names}
    # A configuration is known by the sum of random numbers, one for each of its values: 64 bits tell millions
    # of them apart.
    generator = np.random.default_rng(0)
    marks = {
        name: generator.integers(0, 2**64, code.max() + 1, np.uint64)[code] for name, code in codes.items()
    }
    whole = sum(marks.values(), start=np.zeros(len(configurations), np.uint64))
    changes = np.zeros(len(configurations), np.int64)
    for parameter in _parameters(names):
        own = sum((marks[name] for name in parameter.own if name in marks), start=np.zeros_like(whole))
        ignored = [marks[name] for name in parameter.ignored if name in marks]
        rest = whole - own - sum(ignored, start=np.zeros_like(whole))
        changes += _other_levels(rest, own, codes[parameter.name])
    return changes


def _codes(values: Sequence[object]) -> NDArray[np.int64]:
    """A number for each value, the same for equal ones."""
    known: dict[object, int] = {}
    # As in Python, 1 equals 1.0 and True; lists and null are told apart by their text.
    hashable = (
        value if isinstance(value, (str, int, float)) else ("as text", json.dumps(value)) for value in values
    )
    return np.array([known.setdefault(value, len(known)) for value in hashable], np.int64)


def _other_levels(
    rest: NDArray[np.uint64], own: NDArray[np.uint64], level: NDArray[np.int64]
) -> NDArray[np.int64]:
    """For each configuration, how many levels those of its group have that differ from it in `own`."""
    places = list(zip(rest.tolist(), own.tolist(), level.tolist(), strict=True))
    groups: dict[int, dict[int, int]] = {}
    for group, value, name in places:
        groups.setdefault(group, {})[value] = name
    times = {group: Counter(members.values()) for group, members in groups.items()}
    # A level that only the configuration itself has is no other one.
    return np.array([len(times[group]) - (times[group][name] == 1) for group, _, name in places], np.int64)
