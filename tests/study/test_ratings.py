from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.study.criteria import CRITERIA, check_criteria, check_point
from musicgen.study.ratings import COLUMNS, Rating, find_ratings, read_ratings, with_ratings
from musicgen.study.sampled_tunes import read_sampled_tunes
from tests.listening.made_session import NUM_TUNES, short_tune, write_tunes
from tests.study.made_runs import made_run, written


def rating(tune: str, point: int, listener: str = "Anna", run_id: str = "one", **more: object) -> Rating:
    values = {
        "listener": listener,
        "tune_id": tune,
        "run_id": run_id,
        "arm": "baseline",
        "seed": 0,
        "index": 1,
        "criterion": "musicality",
        "rating": point,
        "is_repeat": False,
        "anchor": "",
        "position": 1,
        "rated_at": "now",
    }
    return Rating(**(values | more))  # pyright: ignore[reportArgumentType]


def test_a_run_has_the_mean_of_its_tunes_and_their_standard_error() -> None:
    runs = [made_run("one", run_id="one"), made_run("two", run_id="two")]
    ratings = [
        rating("a", 5),
        rating("a", 4, "Ben"),
        rating("b", 2),
        rating("b", 1, is_repeat=True),
        rating("c", 1, run_id="", anchor="shuffled"),
    ]
    one, two = with_ratings(runs, ratings)
    # Of a 4.5, of b 2: not the mean of all three ratings.
    assert one.value("listening/musicality") == 3.25
    assert one.record.sampling_noise["listening/musicality"] == pytest.approx(1.25)
    assert (
        "listening/musicality" not in two.record.metrics
        and "listening/musicality" not in runs[0].record.metrics
    )
    assert with_ratings(runs, []) == runs


def test_ratings_are_found_beside_runs_and_a_foreign_table_is_one_line(tmp_path: Path) -> None:
    run = made_run(tmp_path / "sweep/arm/seed=0")
    written(run, tmp_path)
    assert find_ratings([run]) == []
    row = "Anna,t,one,baseline,0,3,musicality,4,False,,1,2026-11-24T08:00:00+00:00"
    (tmp_path / "sweep/ratings.csv").write_text(
        f"{','.join(COLUMNS)}\n{row}\nAnna,u,,corpus,,,variety,2,True,corpus,2,x\n"
    )
    first, second = find_ratings([run], tmp_path / "sweep")
    assert (first.seed, first.index, first.rating, first.is_repeat) == (0, 3, 4, False)
    assert (second.seed, second.anchor, second.is_repeat) == (None, "corpus", True)
    (tmp_path / "sweep/ratings.csv").write_text("name,points\nAnna,4\n")
    with pytest.raises(InputError, match="is no table of ratings"):
        read_ratings(tmp_path / "sweep/ratings.csv")


def test_every_point_has_words_of_its_own() -> None:
    for criterion in CRITERIA.values():
        assert len(set(criterion.labels)) == 5 and all(criterion.labels) and criterion.question.endswith("?")
    assert check_criteria(["structure", "musicality"]) == ["musicality", "structure"]
    for wrong in (0, 6, 3.0, "3", True, None):
        with pytest.raises(InputError):
            check_point("musicality", wrong)


def test_sampled_tunes_are_read_back_with_their_rows(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    assert read_sampled_tunes(run) == []
    run.directory.mkdir()
    # A sampled text may hold what looks like the start of another tune.
    tunes = [short_tune(0), "K:C\nX:7\nCDEF|\nX:8\nN:mine\nGABc|]", *map(short_tune, range(2, NUM_TUNES))]
    write_tunes(run.directory, "abc", tunes)
    found = read_sampled_tunes(run)
    assert [tune.index for tune in found] == list(range(NUM_TUNES))
    assert [tune.is_valid for tune in found] == [True] * (NUM_TUNES - 1) + [False]
    assert found[1].abc.endswith(tunes[1]) and found[1].abc.startswith("X:2\nN:musicgen run abc")
    table = run.directory / "tunes.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(InputError, match="they are not of one run"):
        read_sampled_tunes(run)
