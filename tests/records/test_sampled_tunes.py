from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import read_songs, split_tunebook
from musicgen.sampling.generation import SampledTune
from musicgen.sampling.tunebook import stamped_tune, tunebook
from tests.listening.made_session import NUM_TUNES, short_tune, write_tunes
from tests.records.made_runs import made_run
from tests.reporting.written_study import GOOD, HOSTILE_TITLE, write_run

ORIGIN = "musicgen run 12ab, lstm 1 x 64, corpus oneills, seed 0"


def test_a_tunebook_is_split_as_it_was_joined() -> None:
    texts = [
        "X:9\nT:one\nK:C\nCDE",
        "X:2\nX:3\nN:mine\nK:C\nX:2\nN:musicgen run of mine\nCDE",
        "",
        "\n\nX:4\n",
        "K:C\nX:6\nN:musicgen run 12ab\nC\rD",
    ]
    tunes = [SampledTune(index, "X:1\n", 0.7, text, True) for index, text in enumerate(texts)]
    parts = split_tunebook(tunebook(tunes, ORIGIN))
    assert parts == [stamped_tune(tune, ORIGIN).rstrip("\n") + "\n" for tune in tunes]


def test_text_without_a_stamp_holds_no_tune() -> None:
    assert split_tunebook("X:1\nT:by hand\nK:C\nCDE\n") == []
    assert split_tunebook("") == []


def test_songs_have_their_row_and_their_text(tmp_path: Path) -> None:
    run = made_run("run")
    directory = write_run(
        run, tmp_path, [(GOOD, {"title": HOSTILE_TITLE, "lag_repeat": ""}), ("", {"num_notes": 0})]
    )
    first, second = read_songs(FoundRun(directory, run.record))
    assert (
        first.title == "Tune 0"
        and second.title == "A Tune"
        and first.body == GOOD
        and first.key == ("run", 0)
    )
    assert first.number("num_bars") == 8 and first.number("lag_repeat") is None
    assert first.number("is_valid") == 1 and first.number("title") is None
    assert first.says("is_valid") and not first.says("no such column")
    assert first.has_notes and not second.has_notes


def test_facts_that_older_runs_lack_come_from_the_tune(tmp_path: Path) -> None:
    run = made_run("run")
    tunes = [(GOOD, {}), (GOOD, {"is_sound": False}), (GOOD, {"ended": False, "kept": False})]
    older, newer, capped = read_songs(FoundRun(write_run(run, tmp_path, tunes), run.record))
    assert older.fact("is_sound") and older.is_kept
    assert not newer.fact("is_sound") and newer.fact("is_strictly_sound")
    assert not capped.fact("is_sound") and not capped.is_kept


def test_files_of_different_runs_are_one_line(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    assert read_songs(run) == []
    run.directory.mkdir()
    write_tunes(run.directory, "abc", [short_tune(number) for number in range(NUM_TUNES)])
    found = read_songs(run)
    assert [tune.index for tune in found] == list(range(NUM_TUNES))
    assert [tune.is_valid for tune in found] == [True] * (NUM_TUNES - 1) + [False]
    table = run.directory / "tunes.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(InputError, match="has 8 tunes, tunes.csv 7: they come from different runs"):
        read_songs(run)


def test_a_run_that_sampled_nothing_has_no_songs(tmp_path: Path) -> None:
    run = made_run("run", status="diverged")
    assert read_songs(FoundRun(write_run(run, tmp_path), run.record)) == []
