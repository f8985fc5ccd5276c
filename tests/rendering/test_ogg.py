"""The serial number of an OGG stream."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from musicgen.rendering.audio import renumbered_ogg

SERIAL = slice(14, 18)


def encode(path: Path) -> bytes:
    """A tenth of a second of noise, as written by the encoder."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (4410, 2))
    soundfile.write(path, noise, 44100, format="OGG", subtype="VORBIS")
    return path.read_bytes()


def test_keeping_the_number_keeps_the_bytes(tmp_path: Path) -> None:
    """So the checksums equal those of libogg."""
    encoded = encode(tmp_path / "noise.ogg")
    assert renumbered_ogg(encoded, int.from_bytes(encoded[SERIAL], "little")) == encoded


def test_equal_sounds_become_equal_files_that_still_play(tmp_path: Path) -> None:
    path = tmp_path / "noise.ogg"
    first, second = encode(path), encode(path)
    before, _ = soundfile.read(path)
    assert first != second
    renumbered = renumbered_ogg(first, 7)
    assert renumbered == renumbered_ogg(second, 7) and renumbered[SERIAL] == bytes([7, 0, 0, 0])
    path.write_bytes(renumbered)
    assert np.array_equal(soundfile.read(path)[0], before)


@pytest.mark.parametrize("content", [b"RIFF" + bytes(100), b"OggS", b"OggS" + bytes(40)])
def test_other_files_are_rejected(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a page of an OGG stream"):
        renumbered_ogg(content, 1)
