from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.records.runs import read_rows
from musicgen.reporting.players import sound_of
from musicgen.run.draws import Draws
from musicgen.run.songs import describe_copies, render_songs, write_rows
from tests.run.test_choice import FORM, NO_FORM, tunes
from tests.sampling.test_generation import CONFIG


def draws_of(*bodies: str, num_kept: int) -> Draws:
    drawn = [replace(tune, index=place) for place, tune in enumerate(tunes(*bodies))]
    return Draws(drawn, drawn[len(drawn) - num_kept :], CONFIG)


def test_rows_say_which_tunes_are_kept_and_rendered(tmp_path: Path) -> None:
    draws = draws_of(NO_FORM, NO_FORM, FORM, num_kept=2)
    config = sound_of([], audio_format="none", score=False)
    songs = render_songs(draws.kept[1:], "origin", "lstm, seed 0", config, tmp_path)
    rows = read_rows(write_rows(draws, [{}, {}, {}], songs, tmp_path))
    assert [(row["kept"], row["rendered"]) for row in rows] == [
        ("False", "False"),
        ("True", "False"),
        ("True", "True"),
    ]
    assert {path.stem for path in (tmp_path / "tunes").iterdir()} == {"002"}


@pytest.mark.parametrize(
    ("marks", "line"),
    [
        ([True, False, None], ""),
        (
            [True, True, False],
            "1 of 2 tunes share 16 notes or more in a row with a training tune (tunes.csv: has_copy)",
        ),
    ],
)
def test_kept_tunes_that_copy_are_counted(marks: list[bool | None], line: str) -> None:
    draws = draws_of(FORM, FORM, FORM, num_kept=2)
    assert describe_copies(draws, [{"has_copy": mark} for mark in marks]) == line
