"""What the `tracker` config group holds."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class TrackerConfig:
    """Who hears of a run beside its directory."""

    kind: Literal["comet", "none"]
    mode: Literal["auto", "offline"]
    """auto: upload when the run ends if Comet has a key; offline: never touch the network."""
    project: Annotated[str, Field(min_length=1)]
    workspace: str | None
    tags: list[str]
    upload_timeout_seconds: Annotated[float, Field(gt=0.0)]
    """After this the archive stays, and the run ends without the upload."""
