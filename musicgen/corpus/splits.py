"""Groups near-duplicate tunes, and splits a corpus into training, validation and test tunes."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from musicgen.errors import InputError

Integers = NDArray[np.int64]

MAX_SHARED_RUNS = 20_000_000
"""Limit of pairs of tunes that share a run, counted once per run."""
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
    num_runs = np.bincount(tunes, minlength=len(melodies)).tolist()
    num_shared: Counter[tuple[int, int]] = Counter()
    num_holders = np.bincount(runs)
    num_pairs = int((num_holders * (num_holders - 1) // 2).sum())
    if num_pairs > MAX_SHARED_RUNS:
        raise InputError(
            f"{len(melodies):,} tunes share runs of notes {num_pairs:,} times; at most {MAX_SHARED_RUNS:,} "
            "can be compared; data.near_duplicate_share=null skips the comparison"
        )
    for holders in _holders_of_shared_runs(tunes, runs):
        num_shared.update(combinations(holders, 2))
    for (one, other), count in num_shared.items():
        if count >= share * min(num_runs[one], num_runs[other]):
            yield one, other


def _first_of_group(earlier: list[int], tune: int) -> int:
    """Union-find with path halving: each tune links to an earlier one of its group."""
    while earlier[tune] != tune:
        earlier[tune] = earlier[earlier[tune]]
        tune = earlier[tune]
    return tune


def _holders_of_shared_runs(tunes: Integers, runs: Integers) -> Iterator[list[int]]:
    """The tunes that contain a run, in order, for each run in more than one tune."""
    is_shared = np.bincount(runs)[runs] > 1
    tunes, runs = tunes[is_shared], runs[is_shared]
    order = np.argsort(runs, kind="stable")
    holders, ends = tunes[order].tolist(), np.flatnonzero(np.diff(runs[order], append=-1)) + 1
    for start, end in pairwise([0, *ends.tolist()]):
        yield holders[start:end]


def _interval_runs(melodies: Sequence[Integers]) -> tuple[Integers, Integers]:
    """All distinct (tune, run) pairs as two arrays of shape (pairs,), sorted by tune, then run."""
    notes = np.concatenate([np.zeros(0, np.int64), *melodies])
    tunes = np.repeat(np.arange(len(melodies)), [len(melody) for melody in melodies])
    # Twelve intervals do not fit into 64 bits, but two numbered halves do.
    halves = _numbered(_half_runs(np.diff(notes)))
    runs = halves[:-_HALF] << 32 | halves[_HALF:]
    # All thirteen notes of a run must belong to one tune.
    is_inside = tunes[: len(runs)] == tunes[RUN_LENGTH:]
    pairs = np.sort(tunes[: len(runs)][is_inside] << 32 | _numbered(runs[is_inside]))
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return pairs >> 32, pairs & 0xFFFFFFFF


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
