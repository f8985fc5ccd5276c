"""Stimuli to sound: all with the same soundfont, instrument, tempo and loudness, and none too long.

The files are named by opaque ids and hold nothing but the sound.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from musicgen.errors import InputError
from musicgen.listening.stimuli import Stimulus
from musicgen.records.record import RunRecord
from musicgen.rendering.audio import check_soundfont, synthesise, write_audio
from musicgen.rendering.config import RenderingConfig
from musicgen.rendering.midi import perform
from musicgen.system.files import replace_atomically

MAX_SECONDS = 30.0
"""Of a stimulus."""


def listening_config(record: RunRecord, soundfont: str | None = None) -> RenderingConfig:
    """How every stimulus sounds: as the run's config has it, but as WAV and of at most MAX_SECONDS.

    soundfont: a file of the listener's choice instead of the built-in one. The run's own is a path on the
    machine where it was made, and is not read.
    """
    rendering = record.config.get("rendering")
    if not isinstance(rendering, Mapping):
        raise InputError(f"run {record.run_id}: its config says nothing of rendering")
    own: dict[str, object] = {
        "audio_format": "wav",
        "max_seconds": MAX_SECONDS,
        "score": False,
        "piano_roll": False,
    }
    own["soundfont"] = soundfont
    # Where a tune's own tempo counted, one tempo for all is needed.
    own["tempo"] = rendering.get("tempo") or 120
    try:
        config = RenderingConfig(**{**rendering, **own})
    except (TypeError, ValidationError) as error:
        raise InputError(
            f"run {record.run_id}: its rendering settings cannot be read: {' '.join(str(error).split())}"
        ) from error
    check_soundfont(config)
    return config


class Sounds:
    """The folder of rendered stimuli."""

    def __init__(self, folder: Path, config: RenderingConfig) -> None:
        """The folder is made when the first sound is."""
        self._folder = folder
        self._config = config

    def path(self, stimulus_id: str) -> Path:
        """Where the stimulus is, or would be."""
        return self._folder / f"{stimulus_id}.wav"

    def play(self, stimulus: Stimulus) -> bool:
        """Render the stimulus unless that is done; False where nothing sounds."""
        path = self.path(stimulus.stimulus_id)
        if _is_whole(path):
            return True
        performance = perform(stimulus.abc, self._config)
        if performance.midi is None:
            return False
        sound = synthesise(performance.midi, performance.is_cut, self._config)
        if sound is None:
            return False
        self._folder.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path) as temporary:
            write_audio(sound, temporary, self._config)
        return True


def _is_whole(path: Path) -> bool:
    """Whether the file is there and as long as it says: a power cut may have left its beginning alone."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(8)
    return head[:4] == b"RIFF" and path.stat().st_size == len(head) + int.from_bytes(head[4:], "little")
