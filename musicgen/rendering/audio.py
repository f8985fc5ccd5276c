"""MIDI to audio files of equal loudness. Arrays are float32 of shape (frames, 2); full scale is 1."""

import importlib.util
import io
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musicgen.errors import InputError
from musicgen.rendering.config import RenderingConfig
from musicgen.rendering.synthesis import play
from musicgen.rendering.untrusted import check_untrusted, play_untrusted

_BUILT_IN_SOUNDFONT = "TimGM6mb.sf2"
_PEAK_CEILING_DBFS = -1.0
# Trailing sound this far below the peak counts as silence.
_SILENCE_BELOW_PEAK_DB = -60.0
_RING_OUT_SECONDS = 4.0
_CUT_FADE_SECONDS = 2.0
_END_FADE_SECONDS = 0.01
# libsndfile's Vorbis encoder overflows the stack when minutes of audio come in one call.
_BLOCK_FRAMES = 65_536
_OGG_SERIAL = 1
_PAGE_SERIAL, _PAGE_CHECKSUM, _PAGE_NUM_SEGMENTS, _PAGE_SEGMENTS = slice(14, 18), slice(22, 26), 26, 27
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_SUBTYPE = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS"}
_FULL_SCALE_16_BITS = np.float32(2**15 - 1)


def check_soundfont(config: RenderingConfig) -> Path:
    """The soundfont's path. Raises InputError unless it is a complete SoundFont 2 file that plays."""
    path = _soundfont(config)
    if config.soundfont is not None and config.audio_format != "none":
        check_untrusted(path, path.stat().st_mtime_ns, config.sample_rate, config.instrument)
    return path


def _soundfont(config: RenderingConfig) -> Path:
    """The soundfont's path. Raises InputError unless it has a SoundFont 2 header and is long enough."""
    path = _built_in_soundfont() if config.soundfont is None else Path(config.soundfont)
    allowed = "expected the path of an .sf2 file, or null for the built-in soundfont"
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"rendering.soundfont: {path} is not a file; {allowed}")
        with path.open("rb") as file:
            head = file.read(12)
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"rendering.soundfont: {path}: {error.strerror or error}; {allowed}") from error
    if head[:4] != b"RIFF" or head[8:12] != b"sfbk":
        raise InputError(f"rendering.soundfont: {path} is not a SoundFont 2 file (RIFF sfbk); {allowed}")
    if size < 8 + int.from_bytes(head[4:8], "little"):
        raise InputError(f"rendering.soundfont: {path} is truncated; {allowed}")
    return path


def _built_in_soundfont() -> Path:
    """The file that ships with pretty_midi; does not import the package, which would take a second."""
    package = importlib.util.find_spec("pretty_midi")
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise InputError("rendering.soundfont: null needs the package pretty_midi, which ships a soundfont")
    return Path(folders[0]) / _BUILT_IN_SOUNDFONT


def synthesise(midi: bytes, is_cut: bool, config: RenderingConfig) -> NDArray[np.float32] | None:
    """Play MIDI bytes with the soundfont, normalise the loudness and trim silence at the end.

    Returns shape (frames, 2), or None if the soundfont has no sound for the instrument and notes. If is_cut,
    the tune fades out over its last seconds.
    """
    # The built-in soundfont is trusted, so it is played, and stays loaded, in this process.
    player = play if config.soundfont is None else play_untrusted
    sound = player(midi, _soundfont(config), config.sample_rate)
    longest = config.max_seconds if is_cut else config.max_seconds + _RING_OUT_SECONDS
    sound = _without_final_silence(sound[: round(longest * config.sample_rate)])
    if sound.size == 0 or not np.isfinite(sound).all():
        return None
    fade_seconds = _CUT_FADE_SECONDS if is_cut else _END_FADE_SECONDS
    return level(_faded_out(sound, round(fade_seconds * config.sample_rate)), config.loudness_dbfs)


def level(sound: NDArray[np.float32], loudness_dbfs: float) -> NDArray[np.float32]:
    """Scale to the root mean square `loudness_dbfs`, or less if a peak would exceed -1 dBFS."""
    power = float(np.mean(np.square(sound, dtype=np.float64)))
    peak = float(np.max(np.abs(sound)))
    if power == 0.0:
        return sound
    gain = min(_amplitude(loudness_dbfs) / power**0.5, _amplitude(_PEAK_CEILING_DBFS) / peak)
    return sound * np.float32(gain)


def _amplitude(decibels: float) -> float:
    return 10.0 ** (decibels / 20.0)


def _without_final_silence(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut after the last audible frame; returns no frames if none is audible."""
    left, right = np.abs(sound).T
    envelope = np.maximum(left, right)
    peak = envelope.max(initial=0.0)
    if peak == 0.0:
        return sound[:0]
    audible = np.flatnonzero(envelope > peak * _amplitude(_SILENCE_BELOW_PEAK_DB))
    return sound[: audible[-1] + 1]


def _faded_out(sound: NDArray[np.float32], fade_frames: int) -> NDArray[np.float32]:
    """Fade the last frames linearly to zero, in place."""
    fade_frames = min(fade_frames, len(sound))
    sound[len(sound) - fade_frames :] *= np.linspace(1.0, 0.0, fade_frames, dtype=np.float32)[:, None]
    return sound


def encode_audio(sound: NDArray[np.float32], config: RenderingConfig) -> bytes | bytearray:
    """Floats of shape (frames, 2) as a file: 16-bit WAV or FLAC, or OGG Vorbis, reproducibly."""
    import soundfile

    # Encode in memory: if libsndfile writes the file itself, errors such as a full disk have no reason.
    encoded, subtype = io.BytesIO(), _SUBTYPE[config.audio_format]
    with soundfile.SoundFile(
        encoded,
        "w",
        samplerate=config.sample_rate,
        channels=sound.shape[1],
        format=config.audio_format.upper(),
        subtype=subtype,
    ) as file:
        for start in range(0, len(sound), _BLOCK_FRAMES):
            block = sound[start : start + _BLOCK_FRAMES]
            # Converting here is several times faster than in libsndfile, which also truncates.
            is_pcm = subtype == "PCM_16"
            file.write(np.rint(block * _FULL_SCALE_16_BITS).astype(np.int16) if is_pcm else block)
    content = encoded.getvalue()
    return renumbered_ogg(content, _OGG_SERIAL) if config.audio_format == "ogg" else content


def renumbered_ogg(file: bytes | memoryview, serial: int) -> bytearray:
    """An OGG file with the serial number of its only stream changed. Raises ValueError for other files.

    Encoders choose the number at random. Every page contains it, and a checksum that covers it: RFC 3533,
    section 6.
    """
    content, start = bytearray(file), 0
    while start < len(content):
        if content[start : start + 4] != b"OggS" or start + _PAGE_SEGMENTS > len(content):
            raise ValueError(f"not a page of an OGG stream at byte {start}")
        body = start + _PAGE_SEGMENTS + content[start + _PAGE_NUM_SEGMENTS]
        end = body + sum(content[start + _PAGE_SEGMENTS : body])
        page = content[start:end]
        page[_PAGE_SERIAL] = serial.to_bytes(4, "little")
        page[_PAGE_CHECKSUM] = bytes(4)
        page[_PAGE_CHECKSUM] = _ogg_checksum(page).to_bytes(4, "little")
        content[start:end] = page
        start = end
    return content


def _ogg_checksum(page: bytes | bytearray) -> int:
    """CRC with the polynomial 0x04c11db7 and initial value 0: zlib's with all bits reversed."""
    reflected = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
