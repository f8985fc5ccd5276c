"""Groups near-duplicate tunes, and splits a corpus into training, validation and test tunes."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from musicgen.errors import InputError

Integers = NDArray[np.int64]

MAX_SHARED_RUNS = 500_000_000
"""Limit of pairs of tunes that share a run, counted once per run. Counting this many takes about a minute."""
_PAIRS_AT_ONCE = 1_000_000
"""Bounds memory to some 50 MB."""
RUN_LENGTH = 12
"""Intervals in a run."""
_HALF = RUN_LENGTH // 2
_INTERVAL_BITS = 8
_MAX_INTERVAL = 2 ** (_INTERVAL_BITS - 1) - 1


@dataclass(frozen=True, slots=True)
class Split:
    """Indices of tunes. Every tune and every group of near-duplicates is in exactly one part."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def near_duplicate_groups(melodies: Sequence[Sequence[int] | Integers], share: float) -> list[int]:
    """The group number of each tune: the index of the first tune in its group of near-duplicates.

    melodies: MIDI pitches of each tune. Two tunes are linked if they have at least `share` of their
    12-interval runs in common, relative to the tune with fewer runs; transposed versions count. Groups are
    the connected components. Raises InputError if comparing the tunes would take too long.
    """
    earlier = list(range(len(melodies)))
    for one, other in _near_duplicate_pairs(melodies, share):
        low, high = sorted((_first_of_group(earlier, one), _first_of_group(earlier, other)))
        earlier[high] = low
    return [_first_of_group(earlier, tune) for tune in range(len(melodies))]


def near_duplicates_of(melodies: Sequence[Integers], others: Sequence[Integers], share: float) -> set[int]:
    """The numbers of the melodies that have a near-duplicate among the others.

    melodies, others and share: as for `near_duplicate_groups`; only linked tunes count, not their groups.
    """
    pairs = _near_duplicate_pairs([*melodies, *others], share)
    return {one for one, other in pairs if one < len(melodies) <= other}


def _near_duplicate_pairs(
    melodies: Sequence[Sequence[int] | Integers], share: float
) -> Iterator[tuple[int, int]]:
    """The linked tunes, the lower number first."""
    tunes, runs = _interval_runs([np.asarray(melody, np.int64) for melody in melodies])
    num_runs = np.bincount(tunes, minlength=len(melodies))
    num_holders = np.diff(np.flatnonzero(np.diff(runs, append=-1)), prepend=-1)
    holders = tunes[np.repeat(num_holders > 1, num_holders)]
    num_holders = num_holders[num_holders > 1]
    num_later = np.repeat(np.cumsum(num_holders), num_holders) - np.arange(len(holders)) - 1
    num_pairs = int(num_later.sum())
    if num_pairs > MAX_SHARED_RUNS:
        raise InputError(
            f"{len(melodies):,} tunes share runs of notes {num_pairs:,} times; at most {MAX_SHARED_RUNS:,} "
            "can be compared; data.near_duplicate_share=null skips the comparison"
        )
    for places in _parts(holders, num_later):
        first = np.repeat(places, num_later[places])
        begins = np.cumsum(num_later[places]) - num_later[places]
        second = first + 1 + np.arange(len(first)) - np.repeat(begins, num_later[places])
        pairs, num_shared = np.unique(holders[first] << 32 | holders[second], return_counts=True)
        one, other = pairs >> 32, pairs & 0xFFFFFFFF
        is_linked = num_shared >= share * np.minimum(num_runs[one], num_runs[other])
        yield from zip(one[is_linked].tolist(), other[is_linked].tolist(), strict=True)


def _parts(holders: Integers, num_later: Integers) -> Iterator[Integers]:
    """The places sorted by tune, in parts with few pairs. All places of a tune are in one part."""
    # Sorting packed numbers is several times faster than sorting places by a number.
    in_order = np.sort(holders << 32 | np.arange(len(holders)))
    by_tune = in_order & 0xFFFFFFFF
    starts = np.flatnonzero(np.diff(in_order >> 32, prepend=-1))
    num_so_far = np.cumsum(num_later[by_tune])
    is_cut = np.diff(num_so_far[starts] // _PAIRS_AT_ONCE, prepend=-1) > 0
    for start, end in pairwise([*starts[is_cut].tolist(), len(by_tune)]):
        yield by_tune[start:end]


def _first_of_group(earlier: list[int], tune: int) -> int:
    """Union-find with path halving: each tune links to an earlier one of its group."""
    while earlier[tune] != tune:
        earlier[tune] = earlier[earlier[tune]]
        tune = earlier[tune]
    return tune


def _interval_runs(melodies: Sequence[Integers]) -> tuple[Integers, Integers]:
    """All distinct (tune, run) pairs as two arrays of shape (pairs,), sorted by run, then tune."""
    # Twelve intervals do not fit into 64 bits, but two numbered halves do.
    halves = _numbered(_half_runs(np.diff(np.concatenate([np.zeros(0, np.int64), *melodies]))))
    runs = halves[:-_HALF] << 32 | halves[_HALF:]
    del halves
    tunes = np.repeat(np.arange(len(melodies)), [len(melody) for melody in melodies])
    # All thirteen notes of a run must belong to one tune.
    is_inside = tunes[: len(runs)] == tunes[RUN_LENGTH:]
    tunes, runs = tunes[: len(runs)][is_inside], runs[is_inside]
    order = np.argsort(runs)
    runs = runs[order]
    pairs = np.sort(np.cumsum(np.diff(runs, prepend=runs[:1]) != 0) << 32 | tunes[order])
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return pairs & 0xFFFFFFFF, pairs >> 32


def _half_runs(intervals: Integers) -> Integers:
    codes = np.zeros(max(len(intervals) - _HALF + 1, 0), np.int64)
    for offset in range(_HALF):
        codes = codes << _INTERVAL_BITS | intervals[offset : offset + len(codes)] + _MAX_INTERVAL
    return codes


def _numbered(codes: Integers) -> Integers:
    """Replace codes by consecutive numbers from 0; equal codes have equal numbers."""
    order = np.argsort(codes)
    in_order = codes[order]
    numbers = np.zeros(len(codes), np.int64)
    numbers[order[1:]] = np.cumsum(in_order[1:] != in_order[:-1])
    return numbers


def split_by_group(
    groups: Sequence[int], validation_share: float, test_share: float, generator: np.random.Generator
) -> Split:
    """Assign whole groups at random: to test until it has its share, then to validation, then to train."""
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
