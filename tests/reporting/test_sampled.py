from pathlib import Path

from musicgen.reporting.sampled import read_songs, split_tunebook
from musicgen.sampling.generation import SampledTune
from musicgen.sampling.tunebook import stamped_tune, tunebook
from musicgen.study.runs import FoundRun
from tests.reporting.written_study import GOOD, HOSTILE_TITLE, write_run
from tests.study.made_runs import made_run

ORIGIN = "musicgen run 12ab, lstm 1 x 64, corpus oneills, seed 0"


def test_a_tunebook_comes_apart_as_it_was_put_together() -> None:
    texts = [
        "X:9\nT:one\nK:C\nCDE",
        "X:2\nX:3\nN:mine\nK:C\nX:2\nN:musicgen run of mine\nCDE",
        "",
        "\n\nX:4\n",
    ]
    tunes = [SampledTune(index, "X:1\n", 0.7, text, True) for index, text in enumerate(texts)]
    parts = split_tunebook(tunebook(tunes, ORIGIN), len(tunes))
    assert parts == [stamped_tune(tune, ORIGIN).rstrip("\n") + "\n" for tune in tunes]


def test_text_without_a_stamp_holds_no_tune() -> None:
    assert split_tunebook("X:1\nT:by hand\nK:C\nCDE\n", 1) == []
    assert split_tunebook("", 1) == []


def test_songs_have_their_row_and_their_text(tmp_path: Path) -> None:
    run = made_run("run")
    directory = write_run(
        run, tmp_path, [(GOOD, {"title": HOSTILE_TITLE, "lag_repeat": ""}), ("", {"num_notes": 0})]
    )
    first, second = read_songs(FoundRun(directory, run.record))
    assert first.title == HOSTILE_TITLE and first.body == GOOD and first.key == ("run", 0)
    assert first.number("num_bars") == 8 and first.number("lag_repeat") is None
    assert first.says("is_valid") and not first.says("no such column")
    assert first.has_notes and not second.has_notes


def test_a_run_that_sampled_nothing_has_no_songs(tmp_path: Path) -> None:
    run = made_run("run", status="diverged")
    assert read_songs(FoundRun(write_run(run, tmp_path), run.record)) == []
