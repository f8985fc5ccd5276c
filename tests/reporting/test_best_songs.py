from collections.abc import Callable
from pathlib import Path

import pytest

from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import Song, read_songs
from musicgen.reporting.best_songs import CRITERIA, RULE, best_songs, judge_songs, triage
from tests.records.made_runs import made_run
from tests.reporting.written_study import FORM, GOOD, REFERENCE, Tune, write_run

OFF_TONIC = GOOD.replace("C4|]", "D4|]")
LOOP = "CDEF GABc|" * 8 + "C8|]"


@pytest.fixture
def songs(tmp_path: Path):
    def make(*tunes: Tune, run_id: str = "run") -> list[Song]:
        run = made_run(run_id, run_id=run_id)
        run.record.reference = REFERENCE
        return read_songs(FoundRun(write_run(run, tmp_path, tunes), run.record))

    return make


def by_run(song: Song) -> str:
    return song.run.record.run_id


def indices(found: list[Song], wanted: int = 5, ratings: dict | None = None) -> list[int]:
    return [one.song.index for one in best_songs(judge_songs(found, ratings or {}), wanted, by_run)]


def test_only_sound_tunes_that_were_kept_can_be_best(songs: Callable[..., list[Song]]) -> None:
    found = songs(
        (OFF_TONIC, {}),
        (LOOP, {}),
        (GOOD, {}),
        (GOOD.replace("CDEF GABc|c", "CDEF GABd|c"), {"ended": False}),
        (GOOD.replace("CDEF GABc|c", "CDEF GABe|c"), {"kept": False}),
    )
    assert indices(found) == [2]
    assert indices(found[:2]) == []


def test_what_tunes_csv_says_wins_over_a_new_judgement(songs: Callable[..., list[Song]]) -> None:
    assert indices(songs((OFF_TONIC, {"is_sound": True}), (GOOD, {"is_sound": False}))) == [0]


BETTER_AND_WORSE = [
    (FORM, {"longest_transposed_copy": 15}, GOOD, {}),
    (GOOD, {"longest_transposed_copy": 15}, FORM, {"longest_transposed_copy": 16}),
    (FORM, {"is_strictly_sound": False}, GOOD, {"is_strictly_sound": True}),
    (FORM, {"has_long_last_note": False}, FORM + " ", {"is_strictly_sound": False}),
    (FORM, {"lag_repeat": 1.0}, FORM + " ", {"has_long_last_note": False, "lag_repeat": 0.2}),
    (FORM, {"lag_repeat": 0.25}, FORM + " ", {"lag_repeat": 0.1}),
]


@pytest.mark.parametrize(("better", "its", "worse", "others"), BETTER_AND_WORSE)
def test_an_earlier_criterion_outranks_all_later_ones(
    songs: Callable[..., list[Song]], better: str, its: dict, worse: str, others: dict
) -> None:
    assert indices(songs((worse, {"is_sound": True} | others), (better, {"is_sound": True} | its))) == [1, 0]


def test_a_listener_outranks_every_criterion(songs: Callable[..., list[Song]]) -> None:
    found = songs((FORM, {}), (GOOD, {}))
    assert indices(found) == [0, 1]
    assert indices(found, ratings={found[1].key: 3.5}) == [1, 0]
    assert indices(found, ratings={found[1].key: 2.5}) == [0, 1]


def test_each_of_several_arms_has_two_songs_at_most(songs: Callable[..., list[Song]]) -> None:
    many = [(GOOD.replace("CDEF GABc|c", f"CDEF GAB{note}|c"), {"lag_repeat": 0.5}) for note in "cdef"]
    alone = songs(*many)
    assert indices(alone, 3) == [0, 1, 2]
    two = [*alone, *songs((OFF_TONIC, {}), (FORM, {}), run_id="other")]
    found = best_songs(judge_songs(two, {}), 5, by_run)
    assert [(by_run(one.song), one.song.index) for one in found] == [("other", 1), ("run", 0), ("run", 1)]


def test_marks_say_what_a_tune_has_and_lacks(songs: Callable[..., list[Song]]) -> None:
    (copy,) = judge_songs(songs((GOOD, {"longest_transposed_copy": 16})), {})
    assert copy.marks == (
        "copies 16 notes or more, no form, section ends fit, long last note, "
        "0.50 of its bars repeat (real tunes 0.20)"
    )
    assert all(criterion.words in RULE for criterion in CRITERIA)


def test_each_melody_is_ranked_once(songs: Callable[..., list[Song]]) -> None:
    assert indices(songs((GOOD, {}), (GOOD, {"title": "Again"}))) == [0]


def test_the_triage_counts_all_tunes_and_is_drawn_by_a_seed(songs: Callable[..., list[Song]]) -> None:
    # The spaces make all tunes different.
    tunes = [((GOOD, OFF_TONIC, LOOP)[place % 3] + " " * place, {}) for place in range(20)]
    judged = judge_songs(songs(*tunes), {})
    kinds = triage(judged, 3)
    assert [kind.count for kind in kinds] == [7, 7, 6]
    assert [len(kind.drawn) for kind in kinds] == [3, 3, 3]
    assert triage(judged, 3) == kinds
    assert triage(judged, 3, seed=1) != kinds
    successes, near, misses = (kind.drawn for kind in kinds)
    assert {one.song.index % 3 for one in successes} == {0}
    assert {one.song.index % 3 for one in near} == {1} and {one.song.index % 3 for one in misses} == {2}
