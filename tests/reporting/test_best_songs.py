from pathlib import Path

import pytest

from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import Song, read_songs
from musicgen.reporting.best_songs import GATES, best_songs, judge_songs, triage
from tests.records.made_runs import made_run
from tests.reporting.written_study import GOOD, REFERENCE, Tune, write_run


@pytest.fixture
def songs(tmp_path: Path):
    def make(*tunes: Tune) -> list[Song]:
        run = made_run("run")
        run.record.reference = REFERENCE
        return read_songs(FoundRun(write_run(run, tmp_path, tunes), run.record))

    return make


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_complete": False}, "is not complete"),
        ({"num_bars": 7, "num_valid_bars": 7}, "has fewer than 8 bars"),
        ({"is_valid": False}, "has bars of the wrong length"),
        ({"longest_transposed_copy": 16}, "shares 16 or more notes in a row with a training tune"),
    ],
)
def test_each_gate_rejects_only_what_it_names(songs, change, words: str) -> None:
    good, bad = judge_songs(songs((GOOD, {}), (GOOD + "C", {"is_valid": True} | change)), {})
    assert not good.failed
    assert [gate.failure for gate in bad.failed] == [words]
    assert len(GATES) == 4


def test_points_follow_the_rule(songs) -> None:
    # 0.5 of the bars answer (the corpus: 0.2); 0.95 differ, 0.05 above the range; the ending is wrong.
    (judged,) = judge_songs(
        songs((GOOD, {"lag_repeat": 0.5, "distinct_bars": 0.95, "ends_on_tonic": False})), {}
    )
    assert judged.points == pytest.approx(40 + 25 + 16)
    (judged,) = judge_songs(songs((GOOD, {"lag_repeat": 0.1, "distinct_bars": 0.5})), {})
    assert judged.points == pytest.approx(40 + 12.5 + 20 + 15)


def test_a_short_tune_gets_few_points_for_right_bars(songs) -> None:
    (judged,) = judge_songs(songs((GOOD, {"num_bars": 2, "num_valid_bars": 2})), {})
    assert ("right bars", pytest.approx(10), 40) in judged.parts


def test_ratings_make_half_of_the_points(songs) -> None:
    found = songs((GOOD, {}), (GOOD + "C", {"is_valid": True, "num_valid_bars": 9, "lag_repeat": 0.5}))
    assert [one.song.index for one in judge_songs(found, {})] == [0, 1]
    rated = judge_songs(found, {found[1].key: 5.0, found[0].key: 1.0})
    assert [one.song.index for one in rated] == [1, 0]
    assert [one.points for one in rated] == pytest.approx([100, 50])


def test_each_melody_is_ranked_once(songs) -> None:
    assert [one.song.index for one in judge_songs(songs((GOOD, {}), (GOOD, {"title": "Again"})), {})] == [0]


def test_without_successes_the_best_playable_songs_are_shown(songs) -> None:
    failing = songs(
        (GOOD + "C", {"is_valid": False, "num_valid_bars": 5}),
        (GOOD + "D", {"is_valid": False, "num_valid_bars": 7}),
        ("", {"num_notes": 0, "num_bars": 0, "num_valid_bars": 0}),
    )
    assert [one.song.index for one in best_songs(judge_songs(failing, {}), 5)] == [1, 0]
    mixed = [*failing, *songs((GOOD, {}))]
    assert [one.failed for one in best_songs(judge_songs(mixed, {}), 5)] == [()]


def test_the_triage_counts_all_tunes_and_is_drawn_by_a_seed(songs) -> None:
    tunes = [
        (GOOD + "C" * place, {"is_valid": place % 2 == 0, "num_valid_bars": 8 if place % 3 else 0})
        for place in range(20)
    ]
    judged = judge_songs(songs(*tunes), {})
    kinds = triage(judged, 3)
    assert [kind.count for kind in kinds] == [10, 7, 3]
    assert [len(kind.drawn) for kind in kinds] == [3, 3, 3]
    assert triage(judged, 3) == kinds
    assert triage(judged, 3, seed=1) != kinds
    successes, near, misses = (kind.drawn for kind in kinds)
    assert not any(one.failed for one in successes) and all(one.failed for one in (*near, *misses))
    assert all(one.points >= 50 for one in near) and all(one.points < 50 for one in misses)
