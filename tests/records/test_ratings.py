from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.records.ratings import (
    COLUMNS,
    MEANS_COLUMNS,
    Rating,
    find_means,
    find_ratings,
    read_ratings,
    tune_means,
    with_ratings,
)
from tests.records.made_runs import made_run, written


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


def test_a_run_has_the_mean_and_error_of_its_tunes() -> None:
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


def test_ratings_are_found_and_other_tables_refused(tmp_path: Path) -> None:
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
    with pytest.raises(InputError, match="is not a table of ratings"):
        read_ratings(tmp_path / "sweep/ratings.csv")


def test_a_tune_has_the_mean_of_its_listeners_and_criteria() -> None:
    ratings = [
        rating("a", 5, index=3),
        rating("a", 2, "Ben", index=3, criterion="variety"),
        rating("a", 1, index=3, is_repeat=True),
        rating("b", 1, run_id="", index=None, anchor="corpus"),
        rating("c", 1, index=None, criterion="set_variety"),
        rating("d", 4, run_id="two"),
    ]
    assert tune_means(ratings) == {("one", 3): 3.5, ("two", 1): 4}
    assert tune_means([]) == {}


def test_mean_ratings_are_found_and_other_tables_refused(tmp_path: Path) -> None:
    run = made_run(tmp_path / "sweep/arm/seed=0")
    written(run, tmp_path)
    assert find_means([run], tmp_path) == []
    path = tmp_path / "sweep/listening.csv"
    path.write_text(f"{','.join(MEANS_COLUMNS)}\nbaseline,variety,3.5,3.1,3.9,24,2,12,3\n")
    (row,) = find_means([run], tmp_path / "sweep")
    assert (row["arm"], row["mean"], row["num_listeners"]) == ("baseline", "3.5", "2")
    path.write_text("arm,mean\nbaseline,3\n")
    with pytest.raises(InputError, match="not a table of mean ratings: column criterion is missing"):
        find_means([run])
