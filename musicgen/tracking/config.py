"""The `tracker` config group."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from musicgen.errors import InputError

DEFAULT_PROJECT = "musicgen"
MAX_TIMEOUT_SECONDS = 86_400.0
COMET, TENSORBOARD = "comet", "tensorboard"
"""The built-in trackers."""
AS_TODAY = "tracker=comet, tracker=none or tracker.log_to.comet=true"
"""Instead of the field `kind` of earlier versions."""

Mode = Literal["live", "upload", "offline"]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class TrackerConfig:
    """Where a run is tracked besides its own directory."""

    log_to: dict[str, bool]
    """Tracker -> whether it is used. One that is not built in comes from an installed package."""
    mode: Mode | None
    """live: Comet gets the curves while a run trains; upload: everything when the run is over; offline: only
    what the upload command sends. The first two need a key. None: offline if Comet's own settings say so,
    otherwise live."""
    project: Annotated[str, Field(min_length=1)] | None
    """The Comet project; None for the one in Comet's own settings, or else DEFAULT_PROJECT."""
    workspace: str | None
    tags: list[str]
    audio: Literal["mp3", "flac", "wav"]
    """How Comet gets the songs; wav: the file of the run directory as it is."""
    log_model: bool
    """Whether trackers get the trained weights."""
    upload_timeout_seconds: Annotated[float, Field(gt=0.0, le=MAX_TIMEOUT_SECONDS)]
    """Time limit for sending one archive in the background; `musicgen upload` sends what is missing later."""

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_versions(cls, values: Any) -> Any:
        """Read the fields of a run.json written before there were several trackers."""
        fields = getattr(values, "kwargs", values)
        if not isinstance(fields, Mapping) or "kind" not in fields:
            return values
        if "log_to" in fields:
            raise ValueError(f"kind is now log_to; write {AS_TODAY}")
        rest = {name: value for name, value in fields.items() if name != "kind"}
        mode = "upload" if rest.get("mode") == "auto" else rest.get("mode")
        added = {"log_to": {COMET: fields["kind"] == COMET}, "audio": "wav", "log_model": False}
        return {**added, **rest, "mode": mode}

    @property
    def uses_comet(self) -> bool:
        """Whether Comet is one of the trackers."""
        return self.log_to.get(COMET, False)


def tracker_config(config: Mapping[str, object]) -> TrackerConfig:
    """The tracker group of a resolved config from run.json; raises InputError."""
    try:
        return TypeAdapter(TrackerConfig).validate_python(config.get("tracker"), strict=False)
    except ValidationError as error:
        raise InputError(f"tracker: cannot be read: {' '.join(str(error).split())}") from error
