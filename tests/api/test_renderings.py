"""Tunes as sound, score and piano roll, in a notebook and as files."""

import io
from pathlib import Path

import pytest
import soundfile

import musicgen
from tests.records.made_runs import made_run
from tests.reporting.written_study import GOOD, write_run


def files_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_what_the_run_rendered_is_used(run: musicgen.Run) -> None:
    (rendered,) = (run.directory / "tunes").glob("*.wav")
    place = int(rendered.stem)
    assert run.play(place).path == rendered
    assert run.score(place).path == rendered.with_suffix(".svg")
    assert run.roll(place).path == rendered.with_suffix(".png")


def test_other_tunes_are_rendered_elsewhere(run: musicgen.Run) -> None:
    before = files_of(run.directory)
    rows = run.tunes.to_dict("records")
    place = next(row["index"] for row in rows if not row["rendered"] and row["num_notes"])
    forms = [run.play(place), run.score(place), run.roll(place)]
    assert [form.path.suffix for form in forms] == [".wav", ".svg", ".png"]
    assert all(form.path.is_file() and run.directory not in form.path.parents for form in forms)
    assert run.play(place).path == forms[0].path, "once is enough"
    assert files_of(run.directory) == before


def test_a_notebook_gets_a_player_a_picture_and_a_score(tmp_path: Path) -> None:
    run = musicgen.load_run(write_run(made_run(), tmp_path, [(GOOD, {"title": "The Lark"})]))
    sound = run.play(0)
    assert soundfile.info(io.BytesIO(sound.data)).duration > 5
    player = sound._repr_html_()
    assert player.startswith("<div>The Lark</div><audio controls") and "data:audio/mpeg;base64," in player
    assert len(player) < sound.path.stat().st_size / 5
    assert (
        run.score(0)._repr_html_().startswith('<img alt="Score of The Lark" src="data:image/svg+xml;base64,')
    )
    assert run.roll(0)._repr_png_().startswith(b"\x89PNG")


def test_a_tune_without_notes_has_no_sound(tmp_path: Path) -> None:
    run = musicgen.load_run(write_run(made_run(), tmp_path, [("", {"title": "Silence"})]))
    with pytest.raises(musicgen.InputError, match="^Silence: no sound: "):
        run.play(0)
    with pytest.raises(musicgen.InputError, match="^Silence: no score: no note to draw$"):
        run.score(0)


def test_problems_of_the_score_belong_to_the_score(tmp_path: Path) -> None:
    said = {"rendering_problems": "longer than 9 s: cut with a fade-out; score: a chord is missing"}
    directory = write_run(made_run(), tmp_path, [(GOOD, said)])
    (directory / "tunes").mkdir()
    for suffix in ("ogg", "svg"):
        (directory / "tunes" / f"000.{suffix}").write_bytes(b"")
    run = musicgen.load_run(directory)
    assert run.play(0).path.name == "000.ogg"
    assert run.play(0).problems == ("longer than 9 s: cut with a fade-out",)
    assert run.score(0).problems == ("a chord is missing",)
