from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musicgen.errors import InputError
from musicgen.listening.service import ListeningService
from musicgen.listening.sounds import MAX_SECONDS, Sounds, listening_config
from musicgen.listening.stimuli import anchor_stimulus
from musicgen.records.runs import find_runs


def test_all_stimuli_have_the_same_tempo_sound_and_loudness(sweep: Path) -> None:
    sounds = Sounds(sweep / "sounds", listening_config(find_runs([sweep])[0].record))
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
    assert len(heard[long.stimulus_id][0]) / 8000 <= MAX_SECONDS + 0.01
    levels = [20 * np.log10(np.sqrt(np.mean(sound**2))) for sound, _ in heard.values()]
    assert np.ptp(levels) < 0.5
    assert not sounds.play(anchor_stimulus("corpus", "X:1\nK:C\nz4|]"))


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


def test_a_truncated_sound_is_rendered_again(listening: ListeningService, sweep: Path) -> None:
    files = sorted((sweep / "listening-sounds").iterdir())[:3]
    whole = [path.read_bytes() for path in files]
    for path, content, length in zip(files, whole, (0, 30, len(whole[2]) - 2), strict=True):
        path.write_bytes(content[:length])
    listening.render()
    assert [path.read_bytes() for path in files] == whole


def test_an_unusable_rendering_config_is_one_line(sweep: Path) -> None:
    record = find_runs([sweep])[0].record
    wrong = {**record.config, "rendering": {"tempo": "fast"}}
    with pytest.raises(InputError, match="its rendering settings cannot be read"):
        listening_config(replace(record, config=wrong))
    with pytest.raises(InputError, match="has no rendering group"):
        listening_config(replace(record, config={}))
