"""Audio files made smaller, for pages."""

import io
from pathlib import Path

from musicgen.system.files import replace_atomically

_FRAMES_PER_BLOCK = 65_536


def compress(
    audio: Path,
    compression: float,
    *,
    mono: bool,
    suffix: str = ".mp3",
    folder: Path | None = None,
    title: str = "",
) -> Path:
    """Write an audio file as MP3, which every browser plays, or as .ogg; returns the new path.

    compression: from 0 (best quality) to 1 (smallest file); folder: for the new file, by default its own one;
    title: its tag in the file, none by default.
    """
    import soundfile

    path, encoded = (folder or audio.parent) / f"{audio.stem}{suffix}", io.BytesIO()
    is_mp3 = suffix == ".mp3"
    with soundfile.SoundFile(audio) as source:
        channels = 1 if mono else source.channels
        with soundfile.SoundFile(
            encoded,
            "w",
            samplerate=source.samplerate,
            channels=channels,
            format="MP3" if is_mp3 else "OGG",
            subtype=None if is_mp3 else "VORBIS",
            bitrate_mode="VARIABLE" if is_mp3 else None,
            compression_level=compression,
        ) as target:
            if title:
                target.title = title
            for block in source.blocks(_FRAMES_PER_BLOCK, dtype="float32", always_2d=True):
                target.write(block.mean(axis=1) if mono else block)
    with replace_atomically(path) as temporary:
        temporary.write_bytes(encoded.getbuffer())
    return path
