"""What the `tracker` config group holds."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from musicgen.errors import InputError

DEFAULT_PROJECT = "musicgen"
"""On Comet, where nobody names another one."""
MAX_TIMEOUT_SECONDS = 86_400.0


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class TrackerConfig:
    """Who hears of a run beside its directory."""

    kind: Literal["comet", "none"]
    mode: Literal["auto", "offline"]
    """auto: upload in the background after the end if Comet has a key; offline: only when asked."""
    project: Annotated[str, Field(min_length=1)] | None
    """null: the one that Comet's own settings name, else DEFAULT_PROJECT."""
    workspace: str | None
    tags: list[str]
    upload_timeout_seconds: Annotated[float, Field(gt=0.0, le=MAX_TIMEOUT_SECONDS)]
    """Of one archive, in the background; after this it waits for `python -m musicgen.upload`."""


def tracker_config(config: Mapping[str, object]) -> TrackerConfig:
    """The tracker group of a run's resolved config, as run.json holds it; raises InputError."""
    try:
        return TypeAdapter(TrackerConfig).validate_python(config.get("tracker"), strict=False)
    except ValidationError as error:
        raise InputError(f"tracker: cannot be read: {' '.join(str(error).split())}") from error
