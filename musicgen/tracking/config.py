"""The `tracker` config group."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from musicgen.errors import InputError

DEFAULT_PROJECT = "musicgen"
MAX_TIMEOUT_SECONDS = 86_400.0


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class TrackerConfig:
    """Where a run is tracked besides its own directory."""

    kind: Literal["comet", "none"]
    mode: Literal["auto", "offline"]
    """auto: upload in the background after the run if Comet has a key; offline: only on request."""
    project: Annotated[str, Field(min_length=1)] | None
    """The Comet project; None for the one in Comet's own settings, or else DEFAULT_PROJECT."""
    workspace: str | None
    tags: list[str]
    upload_timeout_seconds: Annotated[float, Field(gt=0.0, le=MAX_TIMEOUT_SECONDS)]
    """Time limit for a background upload; `python -m musicgen.upload` sends the archive later."""


def tracker_config(config: Mapping[str, object]) -> TrackerConfig:
    """The tracker group of a resolved config from run.json; raises InputError."""
    try:
        return TypeAdapter(TrackerConfig).validate_python(config.get("tracker"), strict=False)
    except ValidationError as error:
        raise InputError(f"tracker: cannot be read: {' '.join(str(error).split())}") from error
