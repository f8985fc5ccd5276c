"""The sounds of stimuli: all with the same soundfont, instrument, tempo and loudness, and a limited length.

The files are named by opaque ids and contain nothing but the sound.
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


def listening_config(record: RunRecord, soundfont: str | None = None) -> RenderingConfig:
    """The rendering of every stimulus: the run's, but as WAV and at most MAX_SECONDS long.

    soundfont: a file to use instead of the built-in one. The run's own soundfont is a path on the machine
    of the run, so it is ignored. Raises InputError if the settings cannot be used.
    """
    rendering = record.config.get("rendering")
    if not isinstance(rendering, Mapping):
        raise InputError(f"run {record.run_id}: its config has no rendering group")
    own: dict[str, object] = {"audio_format": "wav", "max_seconds": MAX_SECONDS, "soundfont": soundfont}
    own |= {"score": False, "piano_roll": False}
    # All stimuli need one tempo, even if the run used each tune's own.
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
        """The folder is created with the first sound."""
        self._folder = folder
        self._config = config

    def path(self, stimulus_id: str) -> Path:
        """The path of the stimulus, whether or not it exists."""
        return self._folder / f"{stimulus_id}.wav"

    def play(self, stimulus: Stimulus) -> bool:
        """Render the stimulus unless it is there already; False if it makes no sound."""
        path = self.path(stimulus.stimulus_id)
        if _is_complete(path):
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


def _is_complete(path: Path) -> bool:
    """Whether the file is as long as its header says: a power cut may have truncated it."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(8)
    return head[:4] == b"RIFF" and path.stat().st_size == len(head) + int.from_bytes(head[4:], "little")
