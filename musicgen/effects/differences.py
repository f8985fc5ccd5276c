"""In which parameters two configurations differ, and whether a run differs only as its study declares.

Configs can differ in more than that: a file in conf/ was edited between two starts of a sweep, another
command used one of its folders, or a record was edited by hand.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from musicgen.records.naming import COMBINED
from musicgen.records.record import RunRecord

Configuration = Mapping[str, object]
"""Dotted name -> value of everything that enters an identity, except the seed."""

_JOINT = (COMBINED, "search")
"""Parameters of runs that change many things at once: all winners, and the best trial of a search."""
CORPUS_FIELDS = ("data.source", "data.path", "data.url", "data.sha256", "data.git_blob")
"""They follow from data.name and count as one parameter with it."""
CORPUS_TEXT = "corpus.sha256"
"""The corpus as it was read: the same files may hold other tunes later."""
_FOLLOWING = ("training.num_threads", "training.precision")
"""By default they follow from the network's size and the machine."""
_Key = tuple[int, ...]
"""Numbers of the values of some parameters."""


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
        for name in _FOLLOWING:
            merged.pop(name, None)
    return list(merged)


def undeclared_differences(
    baseline: Configuration, configuration: Configuration, record: RunRecord
) -> list[str]:
    """The parameters in which a run differs from its baseline although its record does not say so.

    A declared level or seed that the run does not have counts as well.
    """
    change = record.change
    parameter = "" if change is None else change.parameter
    wrong = [] if record.config.get("seed", record.seed) == record.seed else ["seed"]
    if parameter in _JOINT:
        return wrong
    if change and parameter in configuration and not _has_level(configuration[parameter], change.value):
        wrong.append(parameter)
    also = None if change is None else change.also_changes
    if also is None and parameter and parameter not in {*baseline, *configuration}:
        # An older record of a choice in a group does not say what the choice sets.
        return wrong
    declared = [parameter, *record.retuned, *(also or ())]
    different = differing_parameters(baseline, configuration)
    if None in (baseline.get(CORPUS_TEXT), configuration.get(CORPUS_TEXT)):
        # One of the runs failed before it read the corpus.
        different = [name for name in different if name != CORPUS_TEXT]
    return wrong + [name for name in different if not is_declared(name, declared)]


def is_declared(name: str, declared: Iterable[str]) -> bool:
    """Whether a field is one of these parameters, or part of a group that is."""
    return any(
        name == one or name.startswith(f"{one}.") or (name == "data.name" and one in CORPUS_FIELDS)
        for one in declared
    )


def _has_level(value: object, level: object) -> bool:
    # null is resolved when a run starts: to a number of threads, to a precision.
    return level is None or isinstance(level, Mapping) or value == level


def count_changes(configurations: Sequence[Configuration]) -> list[int]:
    """For each of the distinct configurations, the number of levels that differ from it in one parameter.

    Two configurations differ in one parameter if they are equal once it is left out. For each parameter, the
    configurations are therefore grouped by everything else. This takes time in proportion to their number.
    """
    names = dict.fromkeys(name for one in configurations for name in one)
    columns = {name: _codes([one.get(name, "absent") for one in configurations]) for name in names}
    # What is the same everywhere sets no two configurations apart.
    varied = {name: column for name, column in columns.items() if any(column)}

    def keys(names: Iterable[str]) -> list[_Key]:
        chosen = [varied[name] for name in names if name in varied]
        return [tuple(column[place] for column in chosen) for place in range(len(configurations))]

    changes = [0] * len(configurations)
    for name in dict.fromkeys(["data.name", *varied]):
        if name in CORPUS_FIELDS:
            continue
        own = [name, *CORPUS_FIELDS] if name == "data.name" else [name]
        left_out = [*own, *([] if name in _FOLLOWING else _FOLLOWING)]
        if name.startswith("data."):
            left_out.append(CORPUS_TEXT)
        groups = keys(one for one in varied if one not in left_out)
        found = _other_levels(groups, keys(own), keys([name]))
        changes = [count + more for count, more in zip(changes, found, strict=True)]
    return changes


def _codes(values: Sequence[object]) -> list[int]:
    """A number for each value, the same for equal ones: 0 for the first and those that equal it."""
    known: dict[object, int] = {}
    # As in Python, 1 equals 1.0 and True. Lists and null are told apart by their text.
    hashable = (
        value if isinstance(value, (str, int, float)) else ("as text", json.dumps(value)) for value in values
    )
    return [known.setdefault(value, len(known)) for value in hashable]


def _other_levels(groups: Sequence[_Key], own: Sequence[_Key], levels: Sequence[_Key]) -> list[int]:
    """For each configuration, how many levels of its group differ from it in `own`."""
    members: dict[_Key, dict[_Key, _Key]] = {}
    for group, value, level in zip(groups, own, levels, strict=True):
        members.setdefault(group, {})[value] = level
    times = {group: Counter(by_value.values()) for group, by_value in members.items()}
    of_each = zip((times[group] for group in groups), levels, strict=True)
    # A level that only the configuration itself has is not another one.
    return [len(counts) - (counts[level] == 1) for counts, level in of_each]
