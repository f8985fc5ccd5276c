from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musicgen.errors import InputError
from musicgen.listening.service import ListeningService
from musicgen.listening.sounds import Sounds, listening_config
from musicgen.listening.stimuli import Stimulus, anchor_stimulus
from musicgen.records.runs import find_runs


def sounds_of(sweep: Path, max_seconds: int = 30, *, has_repeats: bool = False) -> Sounds:
    config = listening_config(find_runs([sweep])[0].record, max_seconds)
    return Sounds(sweep / "sounds", config, has_repeats=has_repeats)


def test_all_stimuli_have_the_same_tempo_sound_and_loudness(sweep: Path) -> None:
    sounds = sounds_of(sweep)
    body = "M:4/4\nL:1/8\nK:C\n" + "CDEFGABc|" * 4
    plain, loud, long = (
        anchor_stimulus("corpus", abc)
        for abc in (f"X:1\n{body}", f"X:1\nQ:1/4=20\n%%MIDI program 40\n{body}", f"X:1\n{body * 20}")
    )
    for stimulus in (plain, loud, long):
        assert sounds.play(stimulus)
    heard = {one.stimulus_id: soundfile.read(sounds.path(one.stimulus_id)) for one in (plain, loud, long)}
    assert all(rate == 8000 for _, rate in heard.values())
    np.testing.assert_array_equal(heard[plain.stimulus_id][0], heard[loud.stimulus_id][0])
    assert len(heard[long.stimulus_id][0]) / 8000 <= 30.01
    levels = [20 * np.log10(np.sqrt(np.mean(sound**2))) for sound, _ in heard.values()]
    assert np.ptp(levels) < 0.5
    assert not sounds.play(anchor_stimulus("corpus", "X:1\nK:C\nz4|]"))


# Ends on a high D; 24 s with repeats and 12 s without at 240 quarter notes a minute.
WITH_REPEATS = "X:1\nM:4/4\nL:1/8\nK:C\n|:" + "CDEFGABc|" * 5 + "c8:|\n|:" + "cBAGFEDC|" * 5 + "d8:|\n"
HIGH_D = 587.3


def final_frequency(sounds: Sounds, stimulus: Stimulus) -> float:
    """The strongest frequency, in Hz, of the last second before the release."""
    sound, rate = soundfile.read(sounds.path(stimulus.stimulus_id))
    last = sound[: -round(0.2 * rate), 0][-rate:]
    return float(np.abs(np.fft.rfft(last * np.hanning(len(last)))).argmax() * rate / len(last))


def test_a_tune_is_heard_to_its_end_without_repeats(sweep: Path) -> None:
    stimulus = anchor_stimulus("corpus", WITH_REPEATS)
    sounds = sounds_of(sweep, max_seconds=14)
    assert sounds.play(stimulus)
    assert final_frequency(sounds, stimulus) == pytest.approx(HIGH_D, rel=0.01)
    assert soundfile.info(sounds.path(stimulus.stimulus_id)).duration == pytest.approx(12.1, abs=0.2)
    assert not sounds.cut
    # As sessions of earlier versions play it: its end is cut off.
    earlier, again = (
        sounds_of(sweep, max_seconds=14, has_repeats=True),
        anchor_stimulus("corpus", WITH_REPEATS),
    )
    assert earlier.play(again)
    assert final_frequency(earlier, again) != pytest.approx(HIGH_D, rel=0.01)
    assert earlier.cut == {again.stimulus_id}


def test_file_names_and_headers_reveal_nothing(listening: ListeningService, sweep: Path) -> None:
    files = sorted((sweep / "listening-sounds").iterdir())
    assert {path.stem for path in files} == set(listening.database.stimuli)
    for path in files:
        content = path.read_bytes()
        # Only the RIFF header, the format and the samples: no text.
        assert content[:4] == b"RIFF" and content[12:16] == b"fmt " and content[36:40] == b"data"
        assert len(content) == 44 + int.from_bytes(content[40:44], "little")
        assert len(path.stem) == 32 and not {"gru", "lstm", "base"} & {
            path.stem[k : k + 4] for k in range(29)
        }


def test_an_unusable_rendering_config_is_one_line(sweep: Path) -> None:
    record = find_runs([sweep])[0].record
    wrong = {**record.config, "rendering": {"tempo": "fast"}}
    with pytest.raises(InputError, match="its rendering settings cannot be read"):
        listening_config(replace(record, config=wrong), 60)
    with pytest.raises(InputError, match="has no rendering group"):
        listening_config(replace(record, config={}), 60)
