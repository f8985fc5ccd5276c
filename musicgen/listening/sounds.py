"""The sounds of stimuli: whole tunes, all with the same soundfont, instrument, tempo and loudness.

The files are named by opaque ids and contain nothing but the sound.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from musicgen.errors import InputError
from musicgen.listening.stimuli import Stimulus
from musicgen.notation.repeats import without_repeats
from musicgen.records.record import RunRecord
from musicgen.rendering.audio import check_soundfont, encode_audio, synthesise
from musicgen.rendering.config import RenderingConfig
from musicgen.rendering.midi import perform
from musicgen.system.files import replace_atomically


def listening_config(record: RunRecord, max_seconds: float, soundfont: str | None = None) -> RenderingConfig:
    """The rendering of every stimulus: the run's, but as WAV and at most `max_seconds` long.

    soundfont: a file to use instead of the built-in one. The run's own soundfont is a path on the machine
    of the run, so it is ignored. Raises InputError if the settings cannot be used.
    """
    rendering = record.config.get("rendering")
    if not isinstance(rendering, Mapping):
        raise InputError(f"run {record.run_id}: its config has no rendering group")
    own: dict[str, object] = {"audio_format": "wav", "max_seconds": max_seconds, "soundfont": soundfont}
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

    def __init__(self, folder: Path, config: RenderingConfig, *, has_repeats: bool) -> None:
        """The folder is created with the first sound. has_repeats: play the repeats that a tune notates."""
        self._folder = folder
        self._config = config
        self._has_repeats = has_repeats
        self.cut: set[str] = set()
        """Ids of the stimuli rendered by this object that fade out before their end."""

    def path(self, stimulus_id: str) -> Path:
        """The path of the stimulus, whether or not it exists."""
        return self._folder / f"{stimulus_id}.wav"

    def play(self, stimulus: Stimulus) -> bool:
        """Render the stimulus unless it is there already; False if it makes no sound."""
        path = self.path(stimulus.stimulus_id)
        if path.is_file():
            return True
        abc = stimulus.abc if self._has_repeats else without_repeats(stimulus.abc)
        performance = perform(abc, self._config)
        if performance.midi is None:
            return False
        sound = synthesise(performance.midi, performance.is_cut, self._config)
        if sound is None:
            return False
        self._folder.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path) as temporary:
            temporary.write_bytes(encode_audio(sound, self._config))
        if performance.is_cut:
            self.cut.add(stimulus.stimulus_id)
        return True
