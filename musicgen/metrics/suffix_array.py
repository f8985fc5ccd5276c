"""Finds the longest runs that a tune shares with a corpus, with a suffix array.

The index sorts all suffixes of the corpus, one code per note, by prefix doubling (Manber and Myers, Suffix
Arrays, 1993), up to the length of the longest tune: memory is linear in the number of notes, and the number
of sorts does not depend on the size of the corpus. A search narrows the range of suffixes that share a prefix
with the query. Each step compares as many codes as fit into one integer, for all places of all queries at
once. When no suffix continues like the query, the longest match is a neighbour in the sorted order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musicgen.notation.melodies import Integers

_END = 0
_KEY_BITS = 62


@dataclass(frozen=True, slots=True)
class Matches:
    """The longest shared run that starts at each place of one tune; arrays of shape (codes,)."""

    lengths: Integers
    """In codes; 0 if the corpus lacks the code."""
    tunes: Integers
    """Index of a corpus tune with that run; -1 if the length is 0."""
    places: Integers
    """Index of the first code of the run in that tune; -1 if the length is 0."""

    def longest(self) -> int:
        """Length of the longest run; 0 for an empty tune."""
        return int(self.lengths.max(initial=0))

    def covered(self, min_length: int) -> NDArray[np.bool_]:
        """Which codes are inside a shared run of at least this length, shape (codes,)."""
        change = np.zeros(len(self.lengths) + 1, np.int64)
        starts = np.flatnonzero(self.lengths >= min_length)
        np.add.at(change, starts, 1)
        np.add.at(change, starts + self.lengths[starts], -1)
        return np.cumsum(change[:-1]) > 0


class PassageIndex:
    """The sorted suffixes of a corpus. Matches many tunes at a time."""

    def __init__(self, tunes: Sequence[Integers]) -> None:
        """Index the codes of each tune. Runs do not cross tunes."""
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
        """The index of a subset of the tunes, which keep their numbers; is_kept: shape (tunes,).

        Needs no sorting, because a subsequence of a sorted list is sorted.
        """
        index = object.__new__(PassageIndex)
        index._alphabet, index._starts = self._alphabet, self._starts
        index._bits, index._width, index._keys = self._bits, self._width, self._keys
        is_place_kept = np.repeat(is_kept, np.diff(self._starts, append=len(self._keys)))
        is_suffix_kept = is_place_kept[self._order]
        index._order, index._sorted_keys = self._order[is_suffix_kept], self._sorted_keys[is_suffix_kept]
        return index

    def match(self, tunes: Sequence[Integers]) -> list[Matches]:
        """The longest shared run that starts at each place of each tune."""
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
        """The tunes in the index's alphabet, each with an end mark; unknown codes become end marks too."""
        if not len(self._alphabet):
            return np.zeros(sum(len(codes) + 1 for codes in tunes), np.int64)
        parts = []
        for codes in tunes:
            rank = np.minimum(np.searchsorted(self._alphabet, codes), len(self._alphabet) - 1)
            parts += [np.where(self._alphabet[rank] == codes, rank + 1, _END), np.array([_END])]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def _search(self, query: Integers) -> tuple[Integers, Integers]:
        """Lengths of the runs, and a place of each in the corpus; both of the query's shape."""
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
            continues = (length == depth + self._width) & (room[active] > length)
            ends = ~continues
            places = active[ends]
            lengths[places] = length[ends]
            # The first suffix with this run: earlier ones sort below the run padded with end marks.
            unshared = self._bits * (depth + self._width - length[ends])
            run = key[ends] >> unshared << unshared
            examples[places] = self._order[self._first(low[ends], high[ends], depth, run)]
            active, low = active[continues], first[continues]
            high = self._first(low, high[continues], depth, key[continues] + 1)
            depth += self._width
        return lengths, examples

    def _shared(self, low: Integers, high: Integers, first: Integers, depth: int, key: Integers) -> Integers:
        """Number of leading codes of each key shared by the better of the two suffixes around `first`."""
        limits = 1 << self._bits * np.arange(self._width)
        shared = np.zeros(len(key), np.int64)
        for neighbour, exists in ((first - 1, first > low), (first, first < high)):
            differing = self._key_at(np.where(exists, neighbour, 0), depth) ^ key
            agreeing = self._width - np.searchsorted(limits, differing, side="right")
            shared = np.maximum(shared, np.where(exists, agreeing, 0))
        return shared

    def _first(self, low: Integers, high: Integers, depth: int, key: Integers) -> Integers:
        """The first suffix of each range whose key at `depth` is at least `key`; bisects all at once."""
        if not depth:
            # Every range is still the whole list, whose first keys are stored.
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
    """The sorted alphabet, and all tunes as numbers from 1 in it, each followed by an end mark."""
    codes = np.concatenate(tunes) if len(tunes) else np.zeros(0, np.int64)
    # Several times faster than np.unique with return_inverse.
    in_order = np.sort(codes)
    alphabet = in_order[np.flatnonzero(np.diff(in_order, prepend=in_order[:1] - 1))]
    text = np.full(len(codes) + len(tunes), _END, np.int32)
    is_note = np.ones(len(text), bool)
    is_note[np.cumsum([len(tune) + 1 for tune in tunes], dtype=np.int64) - 1] = False
    text[is_note] = np.searchsorted(alphabet, codes) + 1
    return alphabet, text


def _suffix_order(keys: Integers, width: int, longest: int) -> NDArray[np.int32]:
    """The suffixes of the text, sorted by their first `longest` codes and an end mark.

    keys: the first `width` codes of each suffix.
    """
    # int32 is faster than int64, and no corpus has two billion notes.
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
    """The `width` codes that start at each place, packed into one integer with the first code highest."""
    keys = np.zeros(len(text), np.int64)
    for offset in range(width):
        keys <<= bits
        keys[: max(len(text) - offset, 0)] |= text[offset:]
    return keys


def _codes_before_end(query: Integers) -> Integers:
    """Number of codes from each place to the next end mark; the query ends with one."""
    ends = np.flatnonzero(query == _END)
    places = np.arange(len(query))
    return ends[np.searchsorted(ends, places)] - places


def _ties(sorted_key: Integers, slots: NDArray[np.integer]) -> tuple[Integers, NDArray[np.integer]]:
    """The entries that share their key with a neighbour, and for each entry the first slot of its key."""
    is_first = np.ones(len(sorted_key) + 1, bool)
    is_first[1:-1] = sorted_key[1:] != sorted_key[:-1]
    starts = np.maximum.accumulate(np.where(is_first[:-1], slots, 0))
    return np.flatnonzero(~(is_first[:-1] & is_first[1:])), starts
