"""How a run's tunes sound again: its own tempo, instrument and loudness, on this machine."""

from collections.abc import Mapping

from pydantic import ValidationError

from musicgen.errors import InputError, first_problem
from musicgen.records.record import RunRecord
from musicgen.rendering import RenderingConfig, check_soundfont

_DEFAULTS = {
    "num_tunes": 0,
    "audio_format": "wav",
    "sample_rate": 44_100,
    "tempo": 180,
    "instrument": 73,
    "soundfont": None,
    "loudness_dbfs": -20.0,
    "max_seconds": 120.0,
    "score": True,
    "piano_roll": False,
    "plots": False,
    "timeout_seconds": 20.0,
}
"""For runs whose config has no rendering group."""
_FROM_THE_RUN = ("tempo", "instrument", "loudness_dbfs", "max_seconds", "timeout_seconds")
"""Settings that are taken over from the run's config."""


def sound_of_run(record: RunRecord | None, **changes: object) -> RenderingConfig:
    """The rendering of the run's tunes, if its config has one, with these changes.

    The run's own soundfont is a path on the machine of the run, so it is ignored; pass `soundfont` in
    `changes` instead. Raises InputError for settings that cannot be used.
    """
    config = None if record is None else record.config.get("rendering")
    found = config if isinstance(config, Mapping) else {}
    kept = {name: found[name] for name in _FROM_THE_RUN if name in found}
    try:
        rendering = RenderingConfig(**(_DEFAULTS | kept | changes))  # pyright: ignore[reportArgumentType]
    except ValidationError as error:
        raise InputError(f"a run's rendering: {first_problem(error)}") from error
    check_soundfont(rendering)
    return rendering
