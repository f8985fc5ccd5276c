"""Which tunes belong together, and the split of a corpus into training, validation and test tunes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

RUN_LENGTH = 12
"""Intervals in a run that two tunes may share."""
_HALF = RUN_LENGTH // 2
_INTERVAL_BITS = 8
_LARGEST_INTERVAL = 2 ** (_INTERVAL_BITS - 1) - 1


@dataclass(frozen=True, slots=True)
class Split:
    """Indices of tunes; no tune is in two parts, and no group of near-duplicates either."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def near_duplicate_groups(melodies: Sequence[Sequence[int] | Integers], share: float) -> list[int]:
    """Number the groups of tunes that are near-duplicates of one another.

    melodies: the MIDI pitches of each tune. Two tunes are twins if they have at least `share` of the
    12-interval runs of the one with fewer runs in common (so transposed versions count), and a group is
    what twins connect. Returns a group number for each tune: the number of the group's first tune.
    """
    # Commands that read no corpus start faster without scipy.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    tunes, runs = _interval_runs([np.asarray(melody, np.int64) for melody in melodies])
    num_tunes, num_runs = len(melodies), int(runs.max(initial=0)) + 1
    holds = csr_array((np.ones(len(runs), np.int32), (tunes, runs)), shape=(num_tunes, num_runs))
    runs_of = np.bincount(tunes, minlength=num_tunes)
    shared = (holds @ holds.T).tocoo()
    one, other = shared.row, shared.col
    is_twin = shared.data >= share * np.minimum(runs_of[one], runs_of[other])
    twins = csr_array((is_twin[is_twin], (one[is_twin], other[is_twin])), shape=(num_tunes, num_tunes))
    labels = connected_components(twins, directed=False)[1]
    first_tunes = np.unique(labels, return_index=True)[1]
    return first_tunes[labels].tolist()


def _interval_runs(melodies: Sequence[Integers]) -> tuple[Integers, Integers]:
    """Which tune holds which run: their numbers, each pair once, two arrays of shape (pairs,)."""
    nothing = np.zeros(0, np.int64)
    halves = [_half_runs(np.diff(melody)) for melody in melodies]
    numbers = np.unique(np.concatenate([nothing, *halves]), return_inverse=True)[1]
    ends = np.cumsum([len(codes) for codes in halves], dtype=np.int64)
    # Twelve intervals exceed 64 bits, but the numbers of their two halves do not.
    starts = [np.arange(end - len(codes), end - _HALF) for codes, end in zip(halves, ends, strict=True)]
    tunes = np.repeat(np.arange(len(melodies)), [len(places) for places in starts])
    places = np.concatenate([nothing, *starts])
    runs = np.unique(numbers[places] << 32 | numbers[places + _HALF], return_inverse=True)[1]
    pairs = np.unique(tunes << 32 | runs)
    return pairs >> 32, pairs & 0xFFFFFFFF


def _half_runs(intervals: Integers) -> Integers:
    """One code for each run of six intervals."""
    codes = np.zeros(max(len(intervals) - _HALF + 1, 0), np.int64)
    for offset in range(_HALF):
        codes = codes << _INTERVAL_BITS | intervals[offset : offset + len(codes)] + _LARGEST_INTERVAL
    return codes


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
