import difflib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.metrics.suffix_array import PassageIndex

tune = st.lists(st.integers(0, 3), max_size=25)
corpus = st.lists(tune, max_size=8)


def arrays(tunes: list[list[int]]) -> list[np.ndarray]:
    return [np.array(codes, np.int64) for codes in tunes]


def naive_lengths(query: list[int], tunes: list[list[int]]) -> list[int]:
    """For each place, the longest run from there that some tune holds, by trying."""
    return [
        max(
            length
            for length in range(len(query) - start + 1)
            if length == 0
            or any(
                codes[at : at + length] == query[start : start + length]
                for codes in tunes
                for at in range(len(codes))
            )
        )
        for start in range(len(query))
    ]


@given(corpus, st.lists(tune, max_size=3), st.lists(st.booleans(), min_size=8, max_size=8))
@settings(max_examples=150, deadline=None)
def test_matches_agree_with_trying_everything(tunes, queries, flags) -> None:
    kept = np.array(flags[: len(tunes)], bool)
    remaining = [codes if keep else [] for codes, keep in zip(tunes, kept, strict=True)]
    whole = PassageIndex(arrays(tunes))
    for index, present in ((whole, tunes), (whole.restricted(kept), remaining)):
        for query, matches in zip(queries, index.match(arrays(queries)), strict=True):
            assert matches.lengths.tolist() == naive_lengths(query, present)
            told = zip(matches.lengths, matches.tunes, matches.places, strict=True)
            for start, (length, owner, place) in enumerate(told):
                if length:
                    assert present[owner][place : place + length] == query[start : start + length]
                else:
                    assert owner == place == -1


@given(tune, tune)
@settings(deadline=None)
def test_longest_run_agrees_with_difflib(query: list[int], codes: list[int]) -> None:
    (matches,) = PassageIndex(arrays([codes])).match(arrays([query]))
    expected = difflib.SequenceMatcher(None, query, codes, autojunk=False).find_longest_match()
    assert matches.longest() == expected.size


def test_runs_do_not_reach_from_one_tune_into_the_next() -> None:
    index = PassageIndex(arrays([[1, 2, 3], [4, 5, 6]]))
    (matches,) = index.match(arrays([[2, 3, 4, 5]]))
    assert matches.lengths.tolist() == [2, 1, 2, 1]
    assert matches.tunes.tolist() == [0, 0, 1, 1]


def test_covered_marks_the_notes_of_long_runs_only() -> None:
    index = PassageIndex(arrays([[1, 2, 3], [7]]))
    (matches,) = index.match(arrays([[7, 9, 1, 2, 3, 9]]))
    assert matches.covered(3).tolist() == [False, False, True, True, True, False]
    assert matches.covered(4).sum() == 0


def test_long_repeats_are_sorted_out() -> None:
    """Suffixes that agree for hundreds of notes need every round of the sort."""
    long = [1] * 700 + [2]
    index = PassageIndex(arrays([long, [1] * 300 + [3], long]))
    (matches,) = index.match(arrays([[1] * 500 + [2]][:1]))
    assert matches.lengths[0] == 501
    assert matches.lengths.tolist() == list(range(501, 0, -1))


@given(corpus, st.lists(tune, min_size=1, max_size=2), st.sampled_from([50, 1000, 40_000]))
@settings(max_examples=60, deadline=None)
def test_large_alphabets_whose_keys_hold_few_codes(tunes, queries, size: int) -> None:
    """Up to ten, six and three codes a key; the steps of the search are as short."""
    spread = [*tunes, list(range(3, size))]
    index = PassageIndex(arrays(spread))
    for query, matches in zip(queries, index.match(arrays(queries)), strict=True):
        assert matches.lengths.tolist() == naive_lengths(query, [*tunes, [3, 4]])


def test_an_index_of_nothing_matches_nothing() -> None:
    for tunes in ([], [[]], [[], []]):
        (matches, empty) = PassageIndex(arrays(tunes)).match(arrays([[1, 2], []]))
        assert matches.lengths.tolist() == [0, 0] and matches.longest() == 0
        assert matches.tunes.tolist() == matches.places.tolist() == [-1, -1]
        assert empty.lengths.tolist() == [] and empty.longest() == 0
        assert empty.covered(1).tolist() == [] and not matches.covered(1).any()
    assert PassageIndex(arrays([[1]])).match([]) == []


def test_a_code_between_those_of_the_corpus_is_unknown() -> None:
    (matches,) = PassageIndex(arrays([[2, 4, 6]])).match(arrays([[4, 5, 6, 1, 7, 2, 4]]))
    assert matches.lengths.tolist() == [1, 0, 1, 0, 0, 2, 1]
    assert matches.places.tolist() == [1, -1, 2, -1, -1, 0, 1]


def test_every_one_of_several_runs_is_covered_and_what_lies_between_is_not() -> None:
    (matches,) = PassageIndex(arrays([[1, 2, 3], [5, 6]])).match(
        arrays([[1, 2, 3, 9, 1, 2, 3, 5, 6, 9, 2, 3]])
    )
    between = {3, 9}
    assert [place for place, is_in in enumerate(matches.covered(2)) if not is_in] == sorted(between)
    assert matches.covered(3).tolist() == [True] * 3 + [False] + [True] * 3 + [False] * 5


def test_overlapping_runs_cover_what_either_does() -> None:
    (matches,) = PassageIndex(arrays([[1, 2, 3], [2, 3, 4, 5]])).match(arrays([[1, 2, 3, 4, 5, 1]]))
    assert matches.lengths.tolist() == [3, 4, 3, 2, 1, 1]
    assert matches.covered(4).tolist() == [False, True, True, True, True, False]
    assert matches.covered(3).tolist() == [True] * 5 + [False]
    assert matches.covered(1).all()
