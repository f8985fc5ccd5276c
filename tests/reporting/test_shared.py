"""What the report tells of a song and its nearest training tune, for new rows, old rows and odd ones."""

from pathlib import Path

import pytest

from musicgen.notation.passages import Passage
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import read_songs
from musicgen.reporting.shared import NOT_ALONE, NOT_RECORDED, SharedRun, shared_run
from tests.records.made_runs import made_run
from tests.reporting.written_study import GOOD, cells, write_run

FIELDS = "M:4/4\nL:1/8\nK:C"
LONG = {"longest_copy": 9, "longest_transposed_copy": 11, "nearest_notes": 9, "nearest_start": 2}
TRAINING = "M:4/4\nL:1/8\nK:C\nz2 EF GABc|cBA2 G4"


@pytest.fixture
def shared(tmp_path: Path):
    def make(**changes: object) -> SharedRun | None:
        run = made_run("run")
        (song,) = read_songs(FoundRun(write_run(run, tmp_path, [(GOOD, changes)]), run.record))
        return shared_run(song)

    return make


def test_the_shared_notes_are_marked_in_both_tunes(shared) -> None:
    found = shared(**LONG, nearest_tune_passage=TRAINING)
    assert found.own == Passage(FIELDS, "CD", "EF GABc|cBA", "G FEDC")
    assert found.training == Passage(FIELDS, "z2 ", "EF GABc|cBA2", " G4")
    assert (found.tune, found.words, found.is_shown) == (
        "The Fox Chase",
        "9 notes in a row in common at most, as written (11 in any key)",
        True,
    )


def test_a_copy_in_another_key_is_marked_and_named(shared) -> None:
    in_d = "M:4/4\nL:1/8\nK:D\nFG ABcd|dcB2 A4"
    found = shared(**LONG | {"nearest_transposition": -2}, nearest_tune_passage=in_d)
    assert found.training == Passage("M:4/4\nL:1/8\nK:D", "", "FG ABcd|dcB2", " A4")
    assert found.words == "9 notes in a row in common at most, transposed: 2 semitones lower in the song"
    assert "1 semitone higher" in shared(**LONG | {"nearest_transposition": 1}).words


def test_a_short_run_has_words_and_no_passages(shared) -> None:
    for num_notes, words in ((7, "7 notes in a row"), (1, "1 note in a row"), (0, "not a note in common")):
        found = shared(longest_copy=num_notes, nearest_notes=num_notes)
        assert not found.is_shown and found.words.startswith(words)
    assert shared(longest_copy=8, nearest_notes=8).is_shown


def test_a_row_from_before_the_column_says_so_and_keeps_the_songs_passage(shared, monkeypatch) -> None:
    new = ("nearest_notes", "nearest_transposition", "nearest_tune_passage")
    monkeypatch.setattr("tests.reporting.written_study.cells", _without(*new))
    found = shared(longest_copy=9, nearest_start=2)
    assert found.training is None and found.missing == NOT_RECORDED
    assert found.own is not None and found.own.marked == "EF GABc|cBA"
    monkeypatch.setattr("tests.reporting.written_study.cells", _without(*new, "nearest_start"))
    assert shared(longest_copy=9).own == Passage("", "CDEFGABc|cBAG", "", "")


def test_what_does_not_fit_is_shown_unmarked_or_not_at_all(shared) -> None:
    assert shared(longest_copy="") is None
    assert shared(**LONG, nearest_tune_passage="").missing == NOT_ALONE
    odd = shared(**LONG, nearest_tune_passage="<b>no tune</b>")
    assert odd.training == Passage("", "<b>no tune</b>", "", "")
    beyond = shared(**LONG | {"nearest_start": 10**6}, nearest_tune_passage=TRAINING)
    assert beyond.own == Passage("", "CDEFGABc|cBAG", "", "") and beyond.training is not None
    assert shared(**LONG | {"nearest_start": -3}, nearest_tune_passage=TRAINING) is not None
    assert shared(**LONG | {"nearest_start": "inf", "nearest_notes": "nan"}) is not None


def _without(*names: str):
    def old_cells(body: str, **changes: object) -> dict[str, object]:
        return {name: cell for name, cell in cells(body, **changes).items() if name not in names}

    return old_cells
