import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile

import pytest

from musicgen.errors import InputError
from musicgen.notation import Conversion, abc2midi, abc2midi_process, convert, sounding_notes
from tests.full_disk import files_end_at

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
def test_unparsable_tunes_give_a_reason(abc, problem):
    conversion = convert(abc)
    assert not conversion.parses
    assert conversion.problem is not None
    assert problem in conversion.problem


def test_non_ascii_titles_convert():
    assert convert(TUNE.replace("Scale", "Fáinne Geal an Lae ♯")).parses


@pytest.mark.parametrize(
    "line",
    [
        "%%abc-include no-such-file",
        "  %%abc-include no-such-file",
        "% %abc-includeno-such-file",
        "%%MIDI ptstress no-such-file",
        "I:MIDI ptstress no-such-file",
        "I:MIDI = ptstress no-such-file",
        "CDEF [I:MIDI=ptstress no-such-file] GABc|",
        "CDEF GABc| %%MIDI ptstress no-such-file",
        "%%MIDIdef abc ptstress no-such-file\n%%MIDIx abc",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_directives_cannot_open_files(line, end):
    tune = f"X:1\nM:4/4\nL:1/8\nK:C\n{line}\nCDEF|\n".replace("\n", end)
    command = [str(abc2midi.find_program()), "-", "-o", os.devnull]
    as_it_is = subprocess.run(command, input=tune.encode(), capture_output=True, check=False).stdout
    assert b"Failed to open" in as_it_is
    conversion = convert(tune)
    assert conversion.parses
    assert not any("Failed to open" in message for message in conversion.messages)


def test_short_texts_cannot_expand_to_huge_tunes():
    tunes = [
        "K:C\nCDEF|Z50000000|CDEF|\n",
        "K:C\nCDEF|X0000050000000|[K:D]Z50000000|CDEF|\n",
        "K:C\nA::Z50000000|CDEF|\n",
        "P:(((A9999)9999)9999)9999\nK:C\nP:A\nCDEF|\n",
        "P:A200000000\nK:C\nP:A\nz|\n",
        "K:C\nTC99999999|\n",
        'K:C\n%%MIDI drumon\n"C"C99999999|\n',
    ]
    code = (
        "import json, resource, sys; from musicgen.notation import convert\n"
        "for tune in json.load(sys.stdin): convert('X:1\\nM:4/4\\nL:1/8\\n' + tune)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    if sys.platform != "linux":
        pytest.skip("memory is measured and limited on Linux")
    result = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(tunes), capture_output=True, text=True, check=True
    )
    assert float(result.stdout) < 300


def test_ordinary_numbers_are_kept():
    tune = "X:20011224\nT:Number 123456\nZ:id:99999\nQ:1/4=100000\nK:C\n%%MIDI drone 70.12345 1\nC4 Z16|\n"
    assert abc2midi.made_harmless(tune) == tune.encode()


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Replaces abc2midi by a shell script, whose output file is "$3"."""
    if sys.platform == "win32":
        pytest.skip("the replacement is a shell script")

    def put(script: str) -> None:
        path = tmp_path / "abc2midi"
        path.write_text("#!/bin/sh\ncat > /dev/null\n" + script)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(abc2midi, "find_program", lambda: path)

    # The shell must open its script.
    monkeypatch.setattr(abc2midi_process, "_MAX_OPEN_FILES", 64)
    return put


def test_endless_computation_is_stopped(stand_in, monkeypatch):
    monkeypatch.setattr(abc2midi_process, "_PATIENCE", 100)
    stand_in("echo begun\nwhile :; do :; done\n")
    conversion = convert(TUNE, timeout_seconds=1)
    assert conversion.problem == "abc2midi took longer than 1 s"
    assert conversion.midi is None
    assert conversion.messages == ("begun",)


def test_endless_messages_are_truncated(stand_in):
    stand_in("exec yes message\n")
    conversion = convert(TUNE)
    assert conversion.problem == "abc2midi wrote more than 16777216 bytes"
    assert len(conversion.messages) < 40_000


def test_memory_time_files_and_core_dumps_are_limited(stand_in):
    if sys.platform != "linux":
        pytest.skip("limits are set on Linux")
    stand_in("ulimit -v; ulimit -t; ulimit -f; ulimit -n; ulimit -c\n")
    limits = convert(TUNE, timeout_seconds=7).messages
    # Memory in units of 1024 bytes, file sizes in units of 512.
    assert limits == ("262144", "7", "32768", "64", "0")


def test_a_crash_does_not_parse(stand_in):
    stand_in("echo MThd > $3; kill -SEGV $$\n")
    assert convert(TUNE) == Conversion(None, (), "abc2midi wrote no MIDI file")


COMPLETE = convert(TUNE).midi or b""


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -KILL $$", "abc2midi'$"),
        ("exit 127", "could not write all of its output"),
        ("echo 'Error in line-char 5-0 : File open failed'; exit 1", "could not write all of its output"),
        ("echo 'MIDI read/write error : error writing'; exit 1", "could not write all of its output"),
        ("printf 'a message that is cut'; cat complete.mid > $3", "could not write all of its output"),
        ("echo done; head -c 100 complete.mid > $3", "could not write all of its output"),
        ("echo done; cat complete.mid complete.mid > $3", "could not write all of its output"),
    ],
)
@pytest.mark.parametrize("in_memory", [True, False])
def test_machine_failures_are_os_errors(script, reason, in_memory, stand_in, tmp_path, monkeypatch):
    if in_memory and sys.platform != "linux":
        pytest.skip("only Linux has memory files")
    monkeypatch.setattr(abc2midi_process, "_IN_MEMORY", in_memory)
    (tmp_path / "complete.mid").write_bytes(COMPLETE)
    stand_in(script.replace("complete.mid", str(tmp_path / "complete.mid")) + "\n")
    with pytest.raises(OSError, match=reason):
        convert(TUNE)


def test_a_failed_start_is_an_os_error(tmp_path, monkeypatch):
    monkeypatch.setattr(abc2midi, "find_program", lambda: tmp_path / "abc2midi")
    with pytest.raises(OSError, match="cannot be started"):
        convert(TUNE)


def test_a_full_disk_never_gives_a_wrong_result(monkeypatch, tmp_path):
    """In the temporary folder that is used outside Linux, with a limit on the size of files."""
    right = convert(TUNE)
    monkeypatch.setattr(abc2midi_process, "_IN_MEMORY", False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(abc2midi_process, "limit_process", lambda *_, **__: None)
    for num_bytes in (0, 20, len(COMPLETE) - 1, len(COMPLETE), 2**14):
        with files_end_at(num_bytes):
            try:
                conversion = convert(TUNE)
            except OSError:
                conversion = None
        if conversion is None:
            assert num_bytes < 2**14
        else:
            assert (conversion.midi, conversion.problem) == (right.midi, right.problem)


@pytest.fixture
def _search_again():
    """Clears the cached location of the program."""
    abc2midi.find_program.cache_clear()
    yield
    abc2midi.find_program.cache_clear()


@pytest.mark.usefixtures("_search_again")
def test_the_program_on_path_is_a_fallback(tmp_path, monkeypatch):
    monkeypatch.setattr(abc2midi.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    assert abc2midi.find_program().parent == tmp_path
    abc2midi.find_program.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="not found"):
        convert(TUNE)
