"""The number of an OGG stream."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from musicgen.rendering.ogg import renumber

SERIAL = slice(14, 18)


def write(path: Path) -> bytes:
    """A tenth of a second of noise, as the encoder writes it."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (4410, 2))
    soundfile.write(path, noise, 44100, format="OGG", subtype="VORBIS")
    return path.read_bytes()


def test_with_its_own_number_a_file_stays_as_the_encoder_made_it(tmp_path: Path) -> None:
    """So the checksums here are those of libogg."""
    path = tmp_path / "noise.ogg"
    written = write(path)
    renumber(path, int.from_bytes(written[SERIAL], "little"))
    assert path.read_bytes() == written


def test_two_files_of_one_sound_are_equal_and_sound_as_before(tmp_path: Path) -> None:
    first, second = tmp_path / "first.ogg", tmp_path / "second.ogg"
    assert write(first) != write(second)
    before, _ = soundfile.read(first)
    for path in (first, second):
        renumber(path, 7)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[SERIAL] == bytes([7, 0, 0, 0])
    assert np.array_equal(soundfile.read(first)[0], before)


@pytest.mark.parametrize("content", [b"RIFF" + bytes(100), b"OggS", b"OggS" + bytes(40)])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.ogg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no page of an OGG stream"):
        renumber(path, 1)
    assert path.read_bytes() == content
