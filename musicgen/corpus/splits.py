"""Which tunes belong together, and the split of a corpus into training, validation and test tunes."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

RUN_LENGTH = 12
"""Intervals in a run that two tunes may share."""


@dataclass(frozen=True, slots=True)
class Split:
    """Indices of tunes; no tune is in two parts, and no group of near-duplicates either."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def near_duplicate_groups(melodies: Sequence[Sequence[int]], share: float) -> list[int]:
    """Number the groups of tunes that are near-duplicates of one another.

    melodies: the MIDI pitches of each tune. Two tunes are twins if they have at least `share` of the
    12-interval runs of the one with fewer runs in common (so transposed versions count), and a group is
    what twins connect. Returns a group number for each tune.
    """
    runs = [_interval_runs(melody) for melody in melodies]
    tunes_with = defaultdict(list)
    for tune, tune_runs in enumerate(runs):
        for run in tune_runs:
            tunes_with[run].append(tune)
    group = list(range(len(melodies)))
    for tune, tune_runs in enumerate(runs):
        shared = Counter(other for run in tune_runs for other in tunes_with[run] if other < tune)
        for other, count in shared.items():
            if count >= share * min(len(tune_runs), len(runs[other])):
                group[_root(group, tune)] = _root(group, other)
    return [_root(group, tune) for tune in range(len(melodies))]


def _interval_runs(melody: Sequence[int]) -> set[tuple[int, ...]]:
    intervals = [after - before for before, after in pairwise(melody)]
    return {tuple(intervals[i : i + RUN_LENGTH]) for i in range(len(intervals) - RUN_LENGTH + 1)}


def _root(group: list[int], tune: int) -> int:
    while group[tune] != tune:
        group[tune] = group[group[tune]]
        tune = group[tune]
    return tune


def split_by_group(
    groups: Sequence[int], validation_share: float, test_share: float, generator: np.random.Generator
) -> Split:
    """Deal whole groups at random: to test until it has its share, then to validation, then to train."""
    members = defaultdict(list)
    for tune, group in enumerate(groups):
        members[group].append(tune)
    names = sorted(members)
    parts: dict[str, list[int]] = {"test": [], "validation": [], "train": []}
    wanted = {"test": round(test_share * len(groups)), "validation": round(validation_share * len(groups))}
    for position in generator.permutation(len(names)):
        part = next((name for name in wanted if len(parts[name]) < wanted[name]), "train")
        parts[part] += members[names[position]]
    return Split(**{name: tuple(sorted(tunes)) for name, tunes in parts.items()})
