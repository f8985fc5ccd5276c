"""Soundfonts other than the built-in one sound the same and cannot crash this process."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from musicgen.errors import InputError
from musicgen.rendering import untrusted
from musicgen.rendering.audio import check_soundfont, synthesise
from musicgen.rendering.midi import perform
from musicgen.rendering.untrusted import play_untrusted
from tests.processes import MAX_WAIT_SECONDS


@pytest.fixture
def own(tmp_path, make_config):
    """A copy of the built-in soundfont, treated as untrusted."""
    path = tmp_path / "own.sf2"
    path.write_bytes(check_soundfont(make_config()).read_bytes())
    yield path
    untrusted._end_player()


def damaged(path):
    """The soundfont with samples two gigabytes beyond the end of the file."""
    content = bytearray(path.read_bytes())
    headers = content.rindex(b"shdr") + 8
    length = int.from_bytes(content[headers - 4 : headers], "little")
    # A header has 46 bytes: a name of 20 bytes, then the first and the last frame.
    for header in range(headers, headers + length, 46):
        content[header + 20 : header + 28] = b"\x00\x00\xff\x7f\xff\xff\xff\x7f"
    path.write_bytes(content)
    return path


def test_the_sound_equals_that_of_this_process(golden, make_config, own):
    midi = perform(golden, make_config()).midi or b""
    expected = synthesise(midi, False, make_config())
    assert expected is not None
    config = make_config(soundfont=str(own))
    check_soundfont(config)
    for _ in range(2):
        sound = synthesise(midi, False, config)
        assert sound is not None and np.array_equal(sound, expected)


def test_a_damaged_soundfont_fails_the_check(make_config, own):
    with pytest.raises(InputError, match=r"^rendering.soundfont: .*own.sf2 is damaged: .* crashed on it"):
        check_soundfont(make_config(soundfont=str(damaged(own))))


def test_playing_recovers_from_a_damaged_soundfont(golden, make_config, own, tmp_path):
    midi = perform(golden, make_config()).midi or b""
    with pytest.raises(InputError, match="damaged"):
        play_untrusted(midi, damaged(own), 22_050)
    intact = tmp_path / "intact.sf2"
    intact.write_bytes(check_soundfont(make_config()).read_bytes())
    assert play_untrusted(midi, intact, 22_050).any()


def program(tmp_path, monkeypatch, code):
    path = tmp_path / "program.py"
    path.write_text(code)
    monkeypatch.setattr(untrusted, "_PLAYER", path)


def test_a_hanging_player_times_out(monkeypatch, own, tmp_path):
    program(tmp_path, monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(untrusted, "_MAX_SECONDS", 0.2)
    with pytest.raises(InputError, match="longer than 0.2 s"):
        play_untrusted(b"", own, 22_050)


def test_a_killed_player_is_an_os_error(monkeypatch, own, tmp_path):
    program(tmp_path, monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(OSError, match="is there enough memory") as caught:
        play_untrusted(b"", own, 22_050)
    assert caught.value.errno == errno.ENOMEM


def test_a_forked_process_starts_its_own_player(golden, make_config, own):
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    code = (
        "import os, sys; from pathlib import Path; from musicgen.rendering import untrusted\n"
        "from musicgen.rendering.synthesis import scale\n"
        "midi, own = scale(73, [60, 62], [80]), Path(sys.argv[1])\n"
        "first = untrusted.play_untrusted(midi, own, 22050)\n"
        "child = os.fork()\n"
        "second = untrusted.play_untrusted(midi, own, 22050)\n"
        "assert (first == second).all()\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run([sys.executable, "-c", code, str(own)], check=True, timeout=MAX_WAIT_SECONDS)
