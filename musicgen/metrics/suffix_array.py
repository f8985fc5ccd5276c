"""The longest passages that a tune shares with a corpus, by a suffix array.

The index sorts all suffixes of the corpus, one code a note, by prefix doubling (Manber and Myers, Suffix
Arrays, 1993) and stops where the longest tune ends: memory is linear in the notes, and time is that of a
number of sorts which does not grow with the corpus. A query narrows the range of suffixes that start like it,
by as many notes at each step as fit into one integer, for all places of all tunes at once. Where no suffix
goes on like the query, the longest run is that of a neighbour in the sorted list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.tunes import Integers

_END = 0
_KEY_BITS = 62


@dataclass(frozen=True, slots=True)
class Matches:
    """For every place of one tune: the longest run of codes from there that the corpus holds too."""

    lengths: Integers
    """In codes, shape (codes,); 0 where even the first code is unknown."""
    tunes: Integers
    """The number of a corpus tune with that run, shape (codes,); -1 where the length is 0."""
    places: Integers
    """Where that tune has it: the code that it begins with, counted from 0; -1 where the length is 0."""

    def longest(self) -> int:
        """Length of the longest run, 0 for an empty tune."""
        return int(self.lengths.max(initial=0))

    def covered(self, shortest: int) -> NDArray[np.bool_]:
        """Which codes lie inside a shared run of at least `shortest`, shape (codes,)."""
        change = np.zeros(len(self.lengths) + 1, np.int64)
        starts = np.flatnonzero(self.lengths >= shortest)
        np.add.at(change, starts, 1)
        np.add.at(change, starts + self.lengths[starts], -1)
        return np.cumsum(change[:-1]) > 0


class PassageIndex:
    """All passages of a corpus, sorted. Built once; answers for many tunes at a time."""

    def __init__(self, tunes: Sequence[Integers]) -> None:
        """Index the codes of each tune; runs never reach from one tune into the next."""
        longest = max(map(len, tunes), default=0)
        self._alphabet, text = _as_text(tunes)
        self._starts = np.cumsum([0, *(len(codes) + 1 for codes in tunes)])[:-1]
        self._bits = max(len(self._alphabet).bit_length(), 1)
        self._width = _KEY_BITS // self._bits
        self._keys = _packed(text, self._bits, self._width)
        order = _suffix_order(self._keys, self._width, longest)
        self._order = order[text[order] != _END]
        self._sorted_keys = self._keys[self._order]

    def restricted(self, is_kept: NDArray[np.bool_]) -> "PassageIndex":
        """The index of some of the tunes, `is_kept` of shape (tunes,), with the same numbers.

        It needs no sorting: a part of a sorted list is sorted.
        """
        index = object.__new__(PassageIndex)
        index._alphabet, index._starts = self._alphabet, self._starts
        index._bits, index._width, index._keys = self._bits, self._width, self._keys
        is_place_kept = np.repeat(is_kept, np.diff(self._starts, append=len(self._keys)))
        is_suffix_kept = is_place_kept[self._order]
        index._order, index._sorted_keys = self._order[is_suffix_kept], self._sorted_keys[is_suffix_kept]
        return index

    def match(self, tunes: Sequence[Integers]) -> list[Matches]:
        """The longest shared run from every place of every tune."""
        query = self._encode(tunes)
        lengths, examples = self._search(query)
        if len(self._starts):
            owners = np.where(lengths > 0, self._tune_of(examples), -1)
            places = np.where(lengths > 0, examples - self._starts[owners], -1)
        else:
            owners = places = np.full(len(lengths), -1)
        ends = np.cumsum([len(codes) + 1 for codes in tunes])
        own = [slice(end - len(codes) - 1, end - 1) for codes, end in zip(tunes, ends, strict=True)]
        return [Matches(lengths[part], owners[part], places[part]) for part in own]

    def _tune_of(self, places: NDArray[np.integer]) -> Integers:
        return np.searchsorted(self._starts, places, side="right") - 1

    def _encode(self, tunes: Sequence[Integers]) -> Integers:
        """The tunes in the index's alphabet, each followed by an end; codes it never saw are ends too."""
        if not len(self._alphabet):
            return np.zeros(sum(len(codes) + 1 for codes in tunes), np.int64)
        parts = []
        for codes in tunes:
            rank = np.minimum(np.searchsorted(self._alphabet, codes), len(self._alphabet) - 1)
            parts += [np.where(self._alphabet[rank] == codes, rank + 1, _END), np.array([_END])]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def _search(self, query: Integers) -> tuple[Integers, Integers]:
        """Run lengths and a place of the corpus with that run, both of the query's shape."""
        lengths, examples = np.zeros(len(query), np.int64), np.zeros(len(query), np.int64)
        keys, room = _packed(query, self._bits, self._width), _codes_before_end(query)
        active = np.flatnonzero(room) if len(self._order) else np.zeros(0, np.int64)
        low = np.zeros(len(active), np.int64)
        high = np.full(len(active), len(self._order), np.int64)
        depth = 0
        while len(active):
            key = keys[active + depth]
            first = self._first(low, high, depth, key)
            length = np.minimum(depth + self._shared(low, high, first, depth, key), room[active])
            goes_on = (length == depth + self._width) & (room[active] > length)
            ends = ~goes_on
            places = active[ends]
            lengths[places] = length[ends]
            # Of all suffixes with this run the first: those before it are below the run followed by ends.
            unshared = self._bits * (depth + self._width - length[ends])
            run = key[ends] >> unshared << unshared
            examples[places] = self._order[self._first(low[ends], high[ends], depth, run)]
            active, low = active[goes_on], first[goes_on]
            high = self._first(low, high[goes_on], depth, key[goes_on] + 1)
            depth += self._width
        return lengths, examples

    def _shared(self, low: Integers, high: Integers, first: Integers, depth: int, key: Integers) -> Integers:
        """How many codes of each key the two suffixes around `first` share, the larger number."""
        limits = 1 << self._bits * np.arange(self._width)
        shared = np.zeros(len(key), np.int64)
        for neighbour, exists in ((first - 1, first > low), (first, first < high)):
            differing = self._key_at(np.where(exists, neighbour, 0), depth) ^ key
            agreeing = self._width - np.searchsorted(limits, differing, side="right")
            shared = np.maximum(shared, np.where(exists, agreeing, 0))
        return shared

    def _first(self, low: Integers, high: Integers, depth: int, key: Integers) -> Integers:
        """The first suffix of each range whose key at `depth` is at least `key`: a bisection of all."""
        if not depth:
            # Every range is the whole list yet, whose keys at its beginning are at hand.
            return np.searchsorted(self._sorted_keys, key)
        is_open = low < high
        while is_open.any():
            middle = (low + high) // 2
            is_below = self._key_at(np.where(is_open, middle, 0), depth) < key
            low = np.where(is_open & is_below, middle + 1, low)
            high = np.where(is_open & ~is_below, middle, high)
            is_open = low < high
        return low

    def _key_at(self, ranks: Integers, depth: int) -> Integers:
        return self._keys.take(self._order[ranks] + depth, mode="clip")


def _as_text(tunes: Sequence[Integers]) -> tuple[Integers, NDArray[np.int32]]:
    """The alphabet, sorted, and all tunes in it as numbers from 1, each followed by an end."""
    codes = np.concatenate(tunes) if len(tunes) else np.zeros(0, np.int64)
    # Two sorted arrays and a search in the short one: np.unique takes several times as long.
    in_order = np.sort(codes)
    alphabet = in_order[np.flatnonzero(np.diff(in_order, prepend=in_order[:1] - 1))]
    text = np.full(len(codes) + len(tunes), _END, np.int32)
    is_note = np.ones(len(text), bool)
    is_note[np.cumsum([len(tune) + 1 for tune in tunes], dtype=np.int64) - 1] = False
    text[is_note] = np.searchsorted(alphabet, codes) + 1
    return alphabet, text


def _suffix_order(keys: Integers, width: int, longest: int) -> NDArray[np.int32]:
    """Places of the text, sorted by what follows each, as far as `longest` codes and an end.

    A key holds the first `width` codes.
    """
    # Four bytes a note fit the cache better than eight; more than two thousand million notes are beyond use.
    order = np.argsort(keys).astype(np.int32)
    slots, starts = _ties(keys[order], np.arange(len(keys), dtype=np.int32))
    rank = np.empty(len(keys), np.int32)
    rank[order] = starts
    places = order[slots]
    while width <= longest and len(slots):
        follower = places + np.int32(width)
        second = np.where(follower < len(keys), rank[np.minimum(follower, len(keys) - 1)] + 1, 0)
        key = rank[places].astype(np.int64) << 32 | second
        resorted = np.argsort(key)
        order[slots] = places = places[resorted]
        tied, starts = _ties(key[resorted], slots)
        rank[places] = starts
        slots, places = slots[tied], places[tied]
        width *= 2
    return order


def _packed(text: NDArray[np.integer], bits: int, width: int) -> Integers:
    """The `width` codes from each place on in one integer, the first in its highest bits."""
    keys = np.zeros(len(text), np.int64)
    for offset in range(width):
        keys <<= bits
        keys[: max(len(text) - offset, 0)] |= text[offset:]
    return keys


def _codes_before_end(query: Integers) -> Integers:
    """How many codes stand from each place to the next end, which the query has behind its last code."""
    ends = np.flatnonzero(query == _END)
    places = np.arange(len(query))
    return ends[np.searchsorted(ends, places)] - places


def _ties(sorted_key: Integers, slots: NDArray[np.integer]) -> tuple[Integers, NDArray[np.integer]]:
    """Which entries share their key with a neighbour, and for each entry the slot where its key begins."""
    is_first = np.ones(len(sorted_key) + 1, bool)
    is_first[1:-1] = sorted_key[1:] != sorted_key[:-1]
    starts = np.maximum.accumulate(np.where(is_first[:-1], slots, 0))
    return np.flatnonzero(~(is_first[:-1] & is_first[1:])), starts
