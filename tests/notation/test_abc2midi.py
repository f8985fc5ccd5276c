import shutil
import stat
import sys

import pytest

from musicgen.errors import InputError
from musicgen.notation import abc2midi, convert, sounding_notes

TUNE = "X:1\nT:Scale\nM:4/4\nL:1/4\nK:D\nDEFG|:A2d2:|\n"


def test_a_tune_converts_with_repeats_expanded():
    conversion = convert(TUNE)
    assert conversion.parses
    assert conversion.problem is None
    assert conversion.midi is not None
    assert [note.pitch for note in sounding_notes(conversion.midi)] == [62, 64, 66, 67, 69, 74, 69, 74]
    assert any("writing MIDI file" in line for line in conversion.messages)


def test_only_the_first_tune_converts():
    conversion = convert(TUNE + "\nX:2\nK:C\nC|\n")
    assert conversion.midi is not None
    assert len(sounding_notes(conversion.midi)) == 8


@pytest.mark.parametrize(
    ("abc", "problem"),
    [
        ("", "No tune processed"),
        ("K:C\nABc|\n", "Possible missing X: field"),
        ("X:1\nABc|\n", "No valid K: field"),
        ("X:1\nM:4/4\nL:1/4\nK:C\nA B2>c d|\n", "Cannot apply broken rhythm"),
        ("X:1\nM:4/4\nL:1/4\nK:C\nz4|\n", "no note sounds"),
        ("X:1\nM:4/4\nL:1/4\nK:C\n\n", "no note sounds"),
        ("\x00\ud800\x07", "No tune processed"),
    ],
)
def test_what_does_not_parse_says_why(abc, problem):
    conversion = convert(abc)
    assert not conversion.parses
    assert conversion.problem is not None
    assert problem in conversion.problem


def test_non_ascii_titles_convert():
    assert convert(TUNE.replace("Scale", "Fáinne Geal an Lae ♯")).parses


def _program(tmp_path, monkeypatch, script: str) -> None:
    """Put a program of this script in abc2midi's place."""
    if sys.platform == "win32":
        pytest.skip("the stand-in program is a shell script")
    path = tmp_path / "abc2midi"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(abc2midi, "find_program", lambda: path)


def test_a_program_that_hangs_is_ended(tmp_path, monkeypatch):
    _program(tmp_path, monkeypatch, "echo begun\nexec sleep 60\n")
    conversion = convert(TUNE, timeout_seconds=0.3)
    assert conversion.problem == "abc2midi took longer than 0.3 s"
    assert conversion.midi is None
    assert conversion.messages == ("begun",)


def test_endless_messages_are_cut(tmp_path, monkeypatch):
    _program(tmp_path, monkeypatch, "yes message | head -n 200000\n")
    assert len(convert(TUNE).messages) < 40_000


def test_a_broken_file_does_not_parse(tmp_path, monkeypatch):
    _program(tmp_path, monkeypatch, "echo MThd > tune.mid\n")
    assert str(convert(TUNE).problem).startswith("abc2midi wrote a broken file")


@pytest.fixture
def _forget_where_it_is():
    """The program is looked for once; these tests move it."""
    abc2midi.find_program.cache_clear()
    yield
    abc2midi.find_program.cache_clear()


@pytest.mark.usefixtures("_forget_where_it_is")
def test_the_program_on_path_is_the_second_choice(tmp_path, monkeypatch):
    monkeypatch.setattr(abc2midi.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    assert abc2midi.find_program().parent == tmp_path
    abc2midi.find_program.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="not found"):
        convert(TUNE)
