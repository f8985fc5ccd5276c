from pathlib import Path

import numpy as np
import pytest
import soundfile

from musicgen.system.compression import compress


def test_minutes_of_audio_become_mp3(tmp_path: Path) -> None:
    # libsndfile's encoders overflowed the stack when given everything at once.
    wav = tmp_path / "long.wav"
    rate, seconds = 24_000, 150
    soundfile.write(wav, np.tile([0.1, -0.1], rate * seconds // 2), rate)
    mp3 = compress(wav, 0.7, mono=True, title="Tune 17 of batch_size=8, seed 0")
    with soundfile.SoundFile(mp3) as sound:
        assert sound.title == "Tune 17 of batch_size=8, seed 0"
    assert soundfile.info(mp3).duration == pytest.approx(seconds, abs=0.2)
    assert mp3.stat().st_size < wav.stat().st_size / 4
