"""What the `data` config group holds."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

Share = Annotated[float, Field(ge=0.0, lt=1.0)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class DataConfig:
    """Which corpus, how it is cleaned and how it is split."""

    name: Annotated[str, Field(min_length=1)]
    """The corpus's name in tables and plots."""
    source: Literal["music21", "download", "files"]
    """Files that music21 ships, one checked file from the network, or the user's own."""
    path: Annotated[str, Field(min_length=1)]
    """A file, folder or glob; below music21's corpus folder where that is the source."""
    url: str | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
    """The digest that a downloaded file must have."""
    clean: bool
    """False keeps every tune's text as it stands in the file, and adds the fields above the first tune."""
    keep_fields: list[Annotated[str, Field(pattern="^[A-Za-z]$")]]
    """The fields that cleaning keeps; all others go."""
    validation_share: Annotated[Share, Field(gt=0.0)]
    test_share: Annotated[Share, Field(gt=0.0)]
    near_duplicate_share: Annotated[float, Field(gt=0.0, le=1.0)] | None
    """Tunes that share this much of their 12-interval runs stay in one split; null: no such rule."""
    split_seed: Annotated[int, Field(ge=0)]
    # What runs that were made before this field had.
    max_megabytes: Annotated[int, Field(ge=1)] = 32
    """Of text, the most that is read."""

    @model_validator(mode="after")
    def _check(self) -> "DataConfig":
        if self.validation_share + self.test_share >= 1.0:
            raise ValueError("validation_share + test_share must stay below 1")
        if self.clean and not {"X", "K"} <= set(self.keep_fields):
            raise ValueError("keep_fields must hold X and K, without which ABC is no tune")
        if self.source == "download":
            self._check_download()
        if self.source == "music21" and not _stays_below(self.path):
            raise ValueError(f"path={self.path!r}: must name something in music21's corpus folder")
        return self

    def _check_download(self) -> None:
        if self.url is None or self.sha256 is None:
            raise ValueError("source=download needs url and sha256")
        if not _stays_below(self.path):
            raise ValueError(
                f"path={self.path!r}: must be a file name in the cache, as the file is kept there"
            )
        address = urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"url={self.url!r}: must begin with https:// or http://")
        if "@" in address.netloc:
            raise ValueError("url: must not hold a user name or password")


def _stays_below(path: str) -> bool:
    """Whether a relative path names something below the folder it is put into, on any system."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not (path.startswith("/") or ".." in parts or re.search(r"[\\:\x00-\x1f]", path))
