"""Audio files made smaller, for pages and trackers."""

import io
from pathlib import Path

from musicgen.system.files import replace_atomically

_FRAMES_PER_BLOCK = 65_536
_FORMATS = {".mp3": ("MP3", None), ".ogg": ("OGG", "VORBIS"), ".flac": ("FLAC", "PCM_16")}
"""Suffix -> libsndfile's names of format and subtype."""


def compress(
    audio: Path,
    compression: float,
    *,
    mono: bool,
    suffix: str = ".mp3",
    folder: Path | None = None,
    title: str = "",
) -> Path:
    """Write an audio file as MP3, which every browser plays, as .ogg or as .flac; returns the new path.

    compression: from 0 (best quality) to 1 (smallest file); folder: for the new file, by default its own one;
    title: its tag in the file, none by default. Raises OSError, or RuntimeError if libsndfile cannot read or
    write the file.
    """
    import soundfile

    path, encoded = (folder or audio.parent) / f"{audio.stem}{suffix}", io.BytesIO()
    format_name, subtype = _FORMATS[suffix]
    with soundfile.SoundFile(audio) as source:
        channels = 1 if mono else source.channels
        with soundfile.SoundFile(
            encoded,
            "w",
            samplerate=source.samplerate,
            channels=channels,
            format=format_name,
            subtype=subtype,
            bitrate_mode="VARIABLE" if suffix == ".mp3" else None,
            compression_level=compression,
        ) as target:
            if title:
                target.title = title
            for block in source.blocks(_FRAMES_PER_BLOCK, dtype="float32", always_2d=True):
                target.write(block.mean(axis=1) if mono else block)
    with replace_atomically(path) as temporary:
        temporary.write_bytes(encoded.getbuffer())
    return path
