import difflib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.metrics.suffix_array import Matches, PassageIndex

tune = st.lists(st.integers(0, 3), max_size=25)
corpus = st.lists(tune, max_size=8)


def arrays(tunes: list[list[int]]) -> list[np.ndarray]:
    return [np.array(codes, np.int64) for codes in tunes]


def match(query: list[int], *tunes: list[int]) -> Matches:
    (matches,) = PassageIndex(arrays(list(tunes))).match(arrays([query]))
    return matches


def naive_lengths(query: list[int], tunes: list[list[int]]) -> list[int]:
    """The longest run in some tune that starts at each place, by brute force."""

    def occurs(run: list[int]) -> bool:
        return any(codes[at : at + len(run)] == run for codes in tunes for at in range(len(codes)))

    return [
        max(n for n in range(len(query) - start + 1) if n == 0 or occurs(query[start : start + n]))
        for start in range(len(query))
    ]


@given(corpus, st.lists(tune, max_size=3), st.lists(st.booleans(), min_size=8, max_size=8))
@settings(max_examples=150, deadline=None)
def test_matches_agree_with_brute_force(tunes, queries, flags) -> None:
    kept = np.array(flags[: len(tunes)], bool)
    remaining = [codes if keep else [] for codes, keep in zip(tunes, kept, strict=True)]
    full = PassageIndex(arrays(tunes))
    for index, present in ((full, tunes), (full.restricted(kept), remaining)):
        for query, matches in zip(queries, index.match(arrays(queries)), strict=True):
            assert matches.lengths.tolist() == naive_lengths(query, present)
            found = zip(matches.lengths, matches.tunes, matches.places, strict=True)
            for start, (length, owner, place) in enumerate(found):
                if length:
                    assert present[owner][place : place + length] == query[start : start + length]
                else:
                    assert owner == place == -1


@given(corpus, st.lists(tune, min_size=1, max_size=2), st.sampled_from([50, 1000, 40_000]))
@settings(max_examples=60, deadline=None)
def test_keys_may_hold_few_codes_of_large_alphabets(tunes, queries, size: int) -> None:
    """Up to ten, six and three codes per key; the search proceeds in steps of as many."""
    index = PassageIndex(arrays([*tunes, list(range(3, size))]))
    for query, matches in zip(queries, index.match(arrays(queries)), strict=True):
        assert matches.lengths.tolist() == naive_lengths(query, [*tunes, [3, 4]])


@given(tune, tune)
@settings(deadline=None)
def test_longest_run_agrees_with_difflib(query: list[int], codes: list[int]) -> None:
    expected = difflib.SequenceMatcher(None, query, codes, autojunk=False).find_longest_match()
    assert match(query, codes).longest() == expected.size


def test_runs_do_not_cross_tunes() -> None:
    matches = match([2, 3, 4, 5], [1, 2, 3], [4, 5, 6])
    assert matches.lengths.tolist() == [2, 1, 2, 1]
    assert matches.tunes.tolist() == [0, 0, 1, 1]


def test_long_repeats_are_sorted() -> None:
    """Suffixes that agree for hundreds of notes need every round of the sort."""
    long = [1] * 700 + [2]
    assert match([1] * 500 + [2], long, [1] * 300 + [3], long).lengths.tolist() == list(range(501, 0, -1))


@pytest.mark.parametrize("tunes", [[], [[]], [[], []]])
def test_an_empty_index_matches_nothing(tunes: list[list[int]]) -> None:
    (matches, empty) = PassageIndex(arrays(tunes)).match(arrays([[1, 2], []]))
    assert matches.lengths.tolist() == [0, 0] and matches.longest() == 0
    assert matches.tunes.tolist() == matches.places.tolist() == [-1, -1]
    assert empty.lengths.tolist() == [] and empty.longest() == 0
    assert empty.covered(1).tolist() == [] and not matches.covered(1).any()
    assert PassageIndex(arrays([[1]])).match([]) == []


def test_codes_between_those_of_the_corpus_are_unknown() -> None:
    matches = match([4, 5, 6, 1, 7, 2, 4], [2, 4, 6])
    assert matches.lengths.tolist() == [1, 0, 1, 0, 0, 2, 1]
    assert matches.places.tolist() == [1, -1, 2, -1, -1, 0, 1]


@pytest.mark.parametrize(
    ("query", "tunes", "min_length", "covered"),
    [
        ([7, 9, 1, 2, 3, 9], [[1, 2, 3], [7]], 3, "001110"),
        ([7, 9, 1, 2, 3, 9], [[1, 2, 3], [7]], 4, "000000"),
        ([1, 2, 3, 9, 1, 2, 3, 5, 6, 9, 2, 3], [[1, 2, 3], [5, 6]], 2, "111011111011"),
        ([1, 2, 3, 9, 1, 2, 3, 5, 6, 9, 2, 3], [[1, 2, 3], [5, 6]], 3, "111011100000"),
        ([1, 2, 3, 4, 5, 1], [[1, 2, 3], [2, 3, 4, 5]], 4, "011110"),
        ([1, 2, 3, 4, 5, 1], [[1, 2, 3], [2, 3, 4, 5]], 3, "111110"),
        ([1, 2, 3, 4, 5, 1], [[1, 2, 3], [2, 3, 4, 5]], 1, "111111"),
    ],
)
def test_runs_cover_their_notes(query, tunes, min_length: int, covered: str) -> None:
    found = match(query, *tunes).covered(min_length)
    assert "".join(str(int(is_covered)) for is_covered in found) == covered
