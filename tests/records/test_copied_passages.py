"""What a song shares with its nearest training tune, from current, older and damaged rows of tunes.csv."""

from pathlib import Path

import pytest

from musicgen.notation.passages import Passage
from musicgen.records.copied_passages import NOT_EXTRACTABLE, NOT_RECORDED, CopiedPassage, copied_passage
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import read_songs
from tests.records.made_runs import made_run
from tests.reporting.written_study import GOOD, cells, write_run

FIELDS = "M:4/4\nL:1/8\nK:C"
LONG = {"longest_copy": 9, "longest_transposed_copy": 11, "nearest_notes": 9, "nearest_start": 2}
TRAINING = "M:4/4\nL:1/8\nK:C\nz2 EF GABc|cBA2 G4"


@pytest.fixture
def copied(tmp_path: Path):
    def make(**changes: object) -> CopiedPassage | None:
        run = made_run("run")
        (song,) = read_songs(FoundRun(write_run(run, tmp_path, [(GOOD, changes)]), run.record))
        return copied_passage(song)

    return make


def test_the_shared_notes_are_marked_in_both_tunes(copied) -> None:
    found = copied(**LONG, nearest_tune_passage=TRAINING)
    assert found.in_song == Passage(FIELDS, "CD", "EF GABc|cBA", "G FEDC")
    assert found.in_training_tune == Passage(FIELDS, "z2 ", "EF GABc|cBA2", " G4")
    assert (found.tune, found.words, found.is_shown) == (
        "The Fox Chase",
        "at most 9 notes in a row in common, as written (11 in any key)",
        True,
    )


def test_a_transposed_copy_is_marked_and_named(copied) -> None:
    in_d = "M:4/4\nL:1/8\nK:D\nFG ABcd|dcB2 A4"
    found = copied(**LONG | {"nearest_transposition": -2}, nearest_tune_passage=in_d)
    assert found.in_training_tune == Passage("M:4/4\nL:1/8\nK:D", "", "FG ABcd|dcB2", " A4")
    assert found.words == "at most 9 notes in a row in common, transposed 2 semitones lower in the song"
    assert "1 semitone higher" in copied(**LONG | {"nearest_transposition": 1}).words


def test_a_short_run_has_no_passages(copied) -> None:
    for num_notes, words in (
        (7, "at most 7 notes in a"),
        (1, "at most 1 note in a"),
        (0, "no notes in common"),
    ):
        found = copied(longest_copy=num_notes, nearest_notes=num_notes)
        assert not found.is_shown and found.words.startswith(words)
    assert copied(longest_copy=8, nearest_notes=8).is_shown


def test_an_old_row_still_shows_the_songs_passage(copied, monkeypatch) -> None:
    new = ("nearest_notes", "nearest_transposition", "nearest_tune_passage")
    monkeypatch.setattr("tests.reporting.written_study.cells", _without(*new))
    found = copied(longest_copy=9, nearest_start=2)
    assert found.in_training_tune is None and found.missing_reason == NOT_RECORDED
    assert found.in_song is not None and found.in_song.marked == "EF GABc|cBA"
    monkeypatch.setattr("tests.reporting.written_study.cells", _without(*new, "nearest_start"))
    assert copied(longest_copy=9).in_song == Passage("", "CDEFGABc|cBAG", "", "")


def test_inconsistent_rows_are_shown_unmarked_or_not_at_all(copied) -> None:
    assert copied(longest_copy="") is None
    assert copied(**LONG, nearest_tune_passage="").missing_reason == NOT_EXTRACTABLE
    odd = copied(**LONG, nearest_tune_passage="<b>no tune</b>")
    assert odd.in_training_tune == Passage("", "<b>no tune</b>", "", "")
    beyond = copied(**LONG | {"nearest_start": 10**6}, nearest_tune_passage=TRAINING)
    assert beyond.in_song == Passage("", "CDEFGABc|cBAG", "", "") and beyond.in_training_tune is not None
    assert copied(**LONG | {"nearest_start": -3}, nearest_tune_passage=TRAINING) is not None
    assert copied(**LONG | {"nearest_start": "inf", "nearest_notes": "nan"}) is not None


def _without(*names: str):
    def old_cells(body: str, **changes: object) -> dict[str, object]:
        return {name: cell for name, cell in cells(body, **changes).items() if name not in names}

    return old_cells
