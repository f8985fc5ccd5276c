"""MIDI to audio files of equal loudness. Arrays are float32 of shape (frames, 2), full scale is 1."""

import importlib.util
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musicgen.errors import InputError
from musicgen.rendering.config import RenderingConfig
from musicgen.rendering.ogg import renumber
from musicgen.rendering.synthesis import load_samples, play
from musicgen.rendering.untrusted import check_untrusted, play_untrusted

_BUILT_IN_SOUNDFONT = "TimGM6mb.sf2"
_PEAK_CEILING_DBFS = -1.0
# 60 dB below the tune's peak counts as silence at its end.
_SILENCE_BELOW_PEAK_DB = -60.0
_RING_OUT_SECONDS = 4.0
_CUT_FADE_SECONDS = 2.0
_END_FADE_SECONDS = 0.01
# libsndfile's Vorbis encoder overflows the stack when minutes of audio come in one call.
_FRAMES_A_BLOCK = 65_536
_STREAM = 1
"""The number of every OGG stream: a file has one."""
_SUBTYPE = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS"}
_FULL_SCALE = np.float32(2**15 - 1)
"""Of 16 bits."""


def check_soundfont(config: RenderingConfig) -> Path:
    """The soundfont's path. Raises InputError unless it is a whole SoundFont 2 file that can be played."""
    path = _soundfont(config)
    if config.soundfont is not None and config.audio_format != "none":
        check_untrusted(path, path.stat().st_mtime_ns, config.sample_rate, config.instrument)
    return path


def _soundfont(config: RenderingConfig) -> Path:
    """The soundfont's path. Raises InputError unless a SoundFont 2 file begins there that is long enough."""
    path = _built_in_soundfont() if config.soundfont is None else Path(config.soundfont)
    allowed = "allowed is the path of an .sf2 file, or null for the built-in one"
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"rendering.soundfont: {path} is no file; {allowed}")
        with path.open("rb") as file:
            head = file.read(12)
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"rendering.soundfont: {path}: {error.strerror or error}; {allowed}") from error
    if head[:4] != b"RIFF" or head[8:12] != b"sfbk":
        raise InputError(f"rendering.soundfont: {path} is no SoundFont 2 file (RIFF sfbk); {allowed}")
    if size < 8 + int.from_bytes(head[4:8], "little"):
        raise InputError(f"rendering.soundfont: {path} is cut short; {allowed}")
    return path


def _built_in_soundfont() -> Path:
    """Found beside pretty_midi's modules without importing them, which would cost a second."""
    package = importlib.util.find_spec("pretty_midi")
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise InputError("rendering.soundfont: null needs the package pretty_midi, which ships the soundfont")
    return Path(folders[0]) / _BUILT_IN_SOUNDFONT


def synthesise(midi: bytes, is_cut: bool, config: RenderingConfig) -> NDArray[np.float32] | None:
    """Play MIDI bytes through the soundfont, level them and trim the silence at the end.

    Returns shape (frames, 2), or None where the soundfont has no sound for the instrument and notes. A tune
    that was cut fades out over its last seconds.
    """
    # The one that comes with the installation is known to be sound, and played here, where it stays read.
    player = play if config.soundfont is None else play_untrusted
    sound = player(midi, _soundfont(config), config.sample_rate)
    longest = config.max_seconds if is_cut else config.max_seconds + _RING_OUT_SECONDS
    sound = _without_final_silence(sound[: round(longest * config.sample_rate)])
    if sound.size == 0 or not np.isfinite(sound).all():
        return None
    fade_seconds = _CUT_FADE_SECONDS if is_cut else _END_FADE_SECONDS
    return level(_faded_out(sound, round(fade_seconds * config.sample_rate)), config.loudness_dbfs)


def load_sounds(config: RenderingConfig) -> None:
    """Read the built-in soundfont now, as far as most tunes need it. Any other is read where it is played."""
    if config.num_tunes and config.audio_format != "none" and config.soundfont is None:
        load_samples(_soundfont(config), config.sample_rate, config.instrument)


def level(sound: NDArray[np.float32], loudness_dbfs: float) -> NDArray[np.float32]:
    """Scale to the root mean square `loudness_dbfs`, or to less where a peak would pass -1 dBFS."""
    power = float(np.mean(np.square(sound, dtype=np.float64)))
    peak = float(np.max(np.abs(sound)))
    if power == 0.0:
        return sound
    gain = min(_amplitude(loudness_dbfs) / power**0.5, _amplitude(_PEAK_CEILING_DBFS) / peak)
    return sound * np.float32(gain)


def _amplitude(decibels: float) -> float:
    return 10.0 ** (decibels / 20.0)


def _without_final_silence(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Drop what comes after the last frame that is loud enough to hear; all of it if nothing is."""
    left, right = np.abs(sound).T
    envelope = np.maximum(left, right)
    peak = envelope.max(initial=0.0)
    if peak == 0.0:
        return sound[:0]
    audible = np.flatnonzero(envelope > peak * _amplitude(_SILENCE_BELOW_PEAK_DB))
    return sound[: audible[-1] + 1]


def _faded_out(sound: NDArray[np.float32], fade_frames: int) -> NDArray[np.float32]:
    """Bring the last frames to zero along a straight line, in place."""
    fade_frames = min(fade_frames, len(sound))
    sound[len(sound) - fade_frames :] *= np.linspace(1.0, 0.0, fade_frames, dtype=np.float32)[:, None]
    return sound


def write_audio(sound: NDArray[np.float32], path: Path, config: RenderingConfig) -> None:
    """Write (frames, 2) floats as 16-bit WAV or FLAC or as OGG Vorbis, after `config.audio_format`.

    The same sound gives the same bytes.
    """
    import soundfile

    # By way of the memory: libsndfile does not say why it cannot write, as on a full disk.
    encoded, subtype = io.BytesIO(), _SUBTYPE[config.audio_format]
    with soundfile.SoundFile(
        encoded,
        "w",
        samplerate=config.sample_rate,
        channels=sound.shape[1],
        format=config.audio_format.upper(),
        subtype=subtype,
    ) as file:
        for start in range(0, len(sound), _FRAMES_A_BLOCK):
            block = sound[start : start + _FRAMES_A_BLOCK]
            # libsndfile takes several times as long to make 16 bits of floats, and rounds them down.
            file.write(np.rint(block * _FULL_SCALE).astype(np.int16) if subtype == "PCM_16" else block)
    path.write_bytes(encoded.getbuffer())
    if config.audio_format == "ogg":
        renumber(path, _STREAM)
