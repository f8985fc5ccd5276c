import io

import numpy as np
import pytest
import soundfile

from musicgen.errors import InputError
from musicgen.rendering.audio import check_soundfont, encode_audio, level, synthesise
from musicgen.rendering.midi import perform


def decibels(amplitude: float) -> float:
    return 20.0 * np.log10(amplitude)


def sound_of(abc, config):
    performance = perform(abc, config)
    assert performance.midi is not None
    sound = synthesise(performance.midi, performance.is_cut, config)
    assert sound is not None
    return sound


def test_the_golden_tune_has_its_duration_and_loudness(golden, make_config):
    config = make_config(loudness_dbfs=-23.0)
    sound = sound_of(golden, config)
    assert sound.dtype == np.float32
    assert sound.shape[1] == 2
    assert len(sound) / config.sample_rate == pytest.approx(10.0, abs=0.3)
    assert decibels(np.sqrt(np.mean(sound**2))) == pytest.approx(-23.0, abs=0.1)
    # Every half second sounds.
    for start in range(0, 9 * config.sample_rate, config.sample_rate // 2):
        assert np.abs(sound[start : start + config.sample_rate // 2]).max() > 0.01


def test_the_pitch_is_that_of_the_note(make_config):
    config = make_config(instrument=73)
    sound = sound_of("X:1\nM:4/4\nL:1/1\nK:C\nA|\n", config)[:, 0]
    spectrum = np.abs(np.fft.rfft(sound[: config.sample_rate] * np.hanning(config.sample_rate)))
    assert np.argmax(spectrum) in range(437, 444)


def test_notes_have_a_release(make_config):
    config = make_config()
    sound = np.abs(sound_of("X:1\nM:4/4\nL:1/4\nK:C\nA z A z|\n", config)).max(axis=1)

    def peak(start: float, end: float) -> float:
        return sound[round(start * config.sample_rate) : round(end * config.sample_rate)].max()

    held = peak(0.4, 0.45)
    assert 0.1 * held < peak(0.52, 0.55) < held
    assert peak(0.7, 0.95) < 0.002 * held
    assert np.abs(np.diff(sound)).max() < 0.5 * held


def test_peaks_limit_the_loudness():
    clicks = np.zeros((10_000, 2), dtype=np.float32)
    clicks[::1000] = 0.3
    loud = level(clicks, -6.0)
    assert decibels(np.abs(loud).max()) == pytest.approx(-1.0, abs=0.01)
    assert np.array_equal(level(np.zeros_like(clicks), -6.0), np.zeros_like(clicks))


def test_a_cut_tune_fades_out(golden, make_config):
    config = make_config(max_seconds=6.0)
    sound = np.abs(sound_of(golden, config)).max(axis=1)
    assert len(sound) / config.sample_rate == pytest.approx(6.0, abs=0.05)
    second = config.sample_rate
    assert sound[-second // 4 :].max() < 0.3 * sound[2 * second : 3 * second].max()


def test_loudness_does_not_depend_on_the_instrument(golden, make_config):
    for program in (0, 21, 73, 110):
        sound = sound_of(golden, make_config(instrument=program, loudness_dbfs=-26.0))
        assert decibels(np.sqrt(np.mean(sound**2))) == pytest.approx(-26.0, abs=0.1)


@pytest.mark.parametrize(
    ("audio_format", "subtype"), [("wav", "PCM_16"), ("flac", "PCM_16"), ("ogg", "VORBIS")]
)
def test_every_format_reads_back(audio_format, subtype, make_config, tmp_path):
    config = make_config(audio_format=audio_format)
    rng = np.random.default_rng(0)
    # libsndfile's Vorbis encoder crashes on minutes of sound in one call.
    sound = (0.1 * rng.standard_normal((200 * config.sample_rate, 2))).astype(np.float32)
    path = tmp_path / f"sound.{audio_format}"
    path.write_bytes(encode_audio(sound, config))
    info = soundfile.info(path)
    assert (info.format, info.subtype) == (audio_format.upper(), subtype)
    assert (info.samplerate, info.channels, info.frames) == (config.sample_rate, 2, len(sound))
    head, _ = soundfile.read(path, frames=5_000, dtype="float32")
    tolerance = 0.5 if audio_format == "ogg" else 1e-4
    assert np.abs(head - sound[:5_000]).max() < tolerance
    assert np.std(head) == pytest.approx(0.1, rel=0.2)


def test_the_built_in_soundfont_is_complete(make_config):
    assert check_soundfont(make_config()).name == "TimGM6mb.sf2"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "not a SoundFont 2 file"),
        (b"RIFF\x00\x00\x00\x00WAVE", "not a SoundFont 2 file"),
        (b"RIFF\x00\x10\x00\x00sfbk" + bytes(100), "truncated"),
    ],
)
def test_bad_soundfonts_are_rejected(content, reason, make_config, tmp_path):
    path = tmp_path / "mine.sf2"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        check_soundfont(make_config(soundfont=str(path)))
    message = str(caught.value)
    assert message.startswith(f"rendering.soundfont: {path}")
    assert reason in message
    assert "\n" not in message


def test_a_folder_is_not_a_soundfont(make_config, tmp_path):
    with pytest.raises(InputError, match="rendering.soundfont"):
        check_soundfont(make_config(soundfont=str(tmp_path)))


def test_earlier_tunes_do_not_change_the_sound(golden, make_config):
    config = make_config()
    alone = sound_of(golden, config)
    sound_of("X:1\nM:4/4\nL:1/8\nK:D\nDFAd fdAF|\n", make_config(instrument=40))
    assert np.array_equal(sound_of(golden, config), alone)


@pytest.mark.parametrize("audio_format", ["wav", "flac"])
def test_samples_are_rounded_to_16_bits(audio_format, make_config):
    steps = np.random.default_rng(1).uniform(-30_000, 30_000, (70_000, 2))
    config = make_config(audio_format=audio_format)
    encoded = encode_audio((steps / 32_767).astype(np.float32), config)
    written, _ = soundfile.read(io.BytesIO(encoded), dtype="int16")
    # 24-bit mantissas are precise to a hundredth of a step.
    assert np.abs(written - steps).max() < 0.51


def test_an_unreadable_soundfont_is_one_line(golden, make_config, tmp_path):
    path = tmp_path / "broken.sf2"
    content = b"sfbk" + bytes(4_000)
    path.write_bytes(b"RIFF" + len(content).to_bytes(4, "little") + content)
    config = make_config(soundfont=str(path))
    for read in (lambda: check_soundfont(config), lambda: sound_of(golden, config)):
        with pytest.raises(InputError, match=r"^rendering\.soundfont: .*broken\.sf2 cannot be read: .+$"):
            read()
