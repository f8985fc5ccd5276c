from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.corpus import splits
from musicgen.corpus.splits import near_duplicate_groups, near_duplicates_of, split_by_group
from musicgen.errors import InputError

MELODY = [60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64, 62, 60, 67, 60, 64, 67, 72, 60, 61, 63, 66, 70]


def test_a_transposed_tune_is_a_near_duplicate() -> None:
    other = [70, 60, 70, 61, 72, 63, 75, 60, 71, 64, 70, 61, 75, 62, 77, 63, 60, 79]
    groups = near_duplicate_groups([MELODY, other, [pitch + 5 for pitch in MELODY]], share=0.5)
    assert groups[0] == groups[2] != groups[1]


def test_tunes_below_the_share_are_not_linked() -> None:
    # 25 notes have 13 runs of 12 intervals; 5 of them are in the first 17 notes.
    changed = MELODY[:17] + [1, 90, 2, 91, 3, 92, 4, 93]
    assert len(set(near_duplicate_groups([MELODY, changed], share=0.5))) == 2
    assert len(set(near_duplicate_groups([MELODY, changed], share=5 / 13))) == 1


def test_links_are_transitive_and_short_tunes_stay_alone() -> None:
    longer = MELODY + [50, 80, 51, 81, 52, 82, 53, 83, 54, 84, 55, 85, 56]
    tail = longer[13:]
    groups = near_duplicate_groups([MELODY, tail, longer, [60, 62], [60, 62]], share=0.4)
    assert groups[0] == groups[1] == groups[2]
    assert len({groups[0], groups[3], groups[4]}) == 3


def test_near_duplicates_are_found_in_another_corpus() -> None:
    corpus = [[60, 62], MELODY, [pitch + 3 for pitch in MELODY], [70, *MELODY[::-1]]]
    melodies, others = ([np.array(melody) for melody in tunes] for tunes in (corpus, [MELODY, [60, 62]]))
    assert near_duplicates_of(melodies, others, share=0.5) == {1, 2}
    assert near_duplicates_of(melodies, [], share=0.5) == set()


def shared_runs(one: list[int], other: list[int]) -> float:
    """Shared runs of 12 intervals / runs of the tune with fewer."""
    first, second = (
        {tuple(b - a for a, b in pairwise(tune[i : i + 13])) for i in range(len(tune) - 12)}
        for tune in (one, other)
    )
    return len(first & second) / max(min(len(first), len(second)), 1)


@given(
    st.lists(st.lists(st.integers(60, 61), max_size=20), max_size=6),
    st.sampled_from([0.2, 0.5, 1.0]),
    st.sampled_from([1, 3, 1_000_000]),
)
def test_groups_are_connected_components(melodies: list[list[int]], share: float, pairs_at_once: int) -> None:
    groups = list(range(len(melodies)))
    for one, other in combinations(range(len(melodies)), 2):
        if shared_runs(melodies[one], melodies[other]) >= share:
            low, high = sorted((groups[one], groups[other]))
            groups = [low if group == high else group for group in groups]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "_PAIRS_AT_ONCE", pairs_at_once)
        assert near_duplicate_groups(melodies, share) == groups


@given(st.lists(st.integers(0, 30), min_size=20, max_size=200), st.integers(0, 100))
def test_a_split_is_a_partition_that_keeps_groups_together(groups: list[int], seed: int) -> None:
    split = split_by_group(groups, 0.1, 0.1, np.random.default_rng(seed))
    parts = [split.train, split.validation, split.test]
    assert sorted(index for part in parts for index in part) == list(range(len(groups)))
    owners = [{groups[index] for index in part} for part in parts]
    assert not owners[0] & owners[1] and not owners[0] & owners[2] and not owners[1] & owners[2]


def test_a_split_has_the_requested_shares_and_depends_on_the_seed() -> None:
    splits = [split_by_group(range(100), 0.1, 0.2, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert [len(splits[0].train), len(splits[0].validation), len(splits[0].test)] == [70, 10, 20]
    assert splits[0] == splits[1] != splits[2]


def test_too_many_shared_runs_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "MAX_SHARED_RUNS", 20_000)
    shared = [60, 61, 63, 66, 70, 75, 60, 62, 65, 69, 74, 60, 61]
    with pytest.raises(InputError, match="near_duplicate_share=null"):
        near_duplicate_groups([[*shared, 40 + tune % 50, 60 + tune // 50] for tune in range(300)], 0.5)
