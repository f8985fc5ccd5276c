"""Tunes as texts and as a table."""

from pathlib import Path

import pytest

import musicgen
from musicgen.records.sampled_tunes import split_tunebook
from tests.records.made_runs import made_run
from tests.reporting.written_study import GOOD, WRONG, write_run


def test_tunes_are_those_of_the_file(run: musicgen.Run) -> None:
    texts = split_tunebook((run.directory / "tunes.abc").read_text(encoding="utf-8"))
    assert list(run.songs) == run.tunes["abc"].tolist() == texts
    assert run.tune(1) == run.songs[1] == texts[1]
    assert run.songs.text == (run.directory / "tunes.abc").read_text(encoding="utf-8").rstrip("\n") + "\n"


def test_columns_are_numbers_or_yes_or_no_or_text(tmp_path: Path) -> None:
    tunes = [(GOOD, {"title": "17", "is_sound": "True"}), (WRONG, {"title": "", "lag_repeat": ""})]
    table = musicgen.load_run(write_run(made_run(), tmp_path, tunes)).tunes
    assert table["title"].tolist() == ["17", ""]
    assert table["num_bars"].tolist() == [8, 4] and table["num_bars"].dtype.kind == "i"
    assert table["lag_repeat"].isna().tolist() == [False, True] and table["lag_repeat"].dtype.kind == "f"
    assert table["is_valid"].tolist() == [True, False] and table["is_valid"].dtype == "bool"
    # The second tune does not say, and is left out by a condition.
    assert table[table["is_sound"]]["title"].tolist() == ["17"]


def test_soundness_is_judged_where_the_table_does_not_say(tmp_path: Path) -> None:
    table = musicgen.load_run(write_run(made_run(), tmp_path, [(GOOD, {}), (WRONG, {})])).tunes
    assert table["is_sound"].tolist() == [True, False]
    assert table["what_is_wrong"].tolist() == ["", "cut off; bar 2 is too short"]


def test_slices_are_tunes_and_wrong_numbers_say_how_many(run: musicgen.Run) -> None:
    some = run.songs[2:4]
    assert isinstance(some, musicgen.Tunes) and list(some) == list(run.songs)[2:4]
    assert repr(some) == "<2 tunes>"
    with pytest.raises(IndexError, match="^tune 2: there are 2 tunes, numbered from 0$"):
        some.play(2)


def test_text_of_tunes_is_not_markup_in_a_notebook(tmp_path: Path) -> None:
    hostile = [(GOOD, {"title": "<script>fail()</script>"})]
    tunes = musicgen.load_run(write_run(made_run(), tmp_path, hostile)).songs
    pages = [tunes._repr_html_(), tunes.play(0)._repr_html_(), tunes.score(0)._repr_html_()]
    assert all("<script" not in page for page in pages)
