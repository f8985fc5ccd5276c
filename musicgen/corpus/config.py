"""The `data` config group."""

import re
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

OWN_SOURCES = ("music21", "download", "files")
"""Files that ship with music21, verified downloads, or the user's own files."""

Share = Annotated[float, Field(ge=0.0, lt=1.0)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class DataConfig:
    """Which corpus to use, how to clean it and how to split it."""

    name: Annotated[str, Field(min_length=1)]
    """Name in tables and plots."""
    source: Annotated[str, Field(min_length=1)]
    """One of OWN_SOURCES, or a function of another package (outside.py)."""
    path: Annotated[str, Field(min_length=1)]
    """A file, folder or glob, or several as `{a,b}`; relative to music21's corpus folder for that source. For
    a download: where to keep it, in the folder MUSICGEN_DATA_DIR or the user's cache."""
    url: str | None
    """Where the download is. `{a,b}.abc` at its end stands for two files, kept in the folder `path`."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
    """The required digest of a download; of several files, one after the other."""
    clean: bool
    """False keeps the text of every tune as it is in the file, plus the fields above the first tune."""
    keep_fields: list[Annotated[str, Field(pattern="^[A-Za-z]$")]]
    """The fields that cleaning keeps; it removes all others."""
    validation_share: Annotated[Share, Field(gt=0.0)]
    test_share: Annotated[Share, Field(gt=0.0)]
    near_duplicate_share: Annotated[float, Field(gt=0.0, le=1.0)] | None
    """Tunes that share at least this much of their 12-interval runs stay in one split; null: split freely."""
    split_seed: Annotated[int, Field(ge=0)]
    # Records of older runs lack the fields below.
    max_megabytes: Annotated[int, Field(ge=1)] = 200
    """Limit on the text of the corpus, so that a mistaken path does not fill the memory."""
    keep_chord_symbols: bool = False
    """Whether cleaning keeps quoted chord symbols; it removes all other quoted text."""
    exclude_near_duplicates_of: Annotated[str, Field(min_length=1)] | None = None
    """A corpus in conf/data, or a path to your own: drop every tune that has a near-duplicate there, so that
    a network trained here can be fine-tuned there without having seen its held-out tunes."""
    git_blob: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None = None
    """The name of a download as a Git object, if its SHA-256 is not published: `git ls-tree` prints it."""

    @model_validator(mode="after")
    def _check(self) -> "DataConfig":
        if self.validation_share + self.test_share >= 1.0:
            raise ValueError("validation_share + test_share must be below 1")
        if self.clean and not {"X", "K"} <= set(self.keep_fields):
            raise ValueError("keep_fields must contain X and K, which every ABC tune needs")
        if self.exclude_near_duplicates_of is not None and self.near_duplicate_share is None:
            raise ValueError("exclude_near_duplicates_of needs near_duplicate_share")
        if self.source == "download":
            self._check_download()
        if self.source == "music21" and not _stays_below(self.path):
            raise ValueError(f"path={self.path!r}: must be inside music21's corpus folder")
        return self

    def _check_download(self) -> None:
        if self.url is None or (self.sha256 is None) == (self.git_blob is None):
            raise ValueError("source=download needs url and sha256, or url and git_blob")
        if not _stays_below(self.path):
            raise ValueError(f"path={self.path!r}: must be a file name for the download in the cache")
        address = urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"url={self.url!r}: must start with https:// or http://")
        if "@" in address.netloc:
            raise ValueError("url: must not contain a user name or password")


def _stays_below(path: str) -> bool:
    """Whether a path, joined to a folder, stays inside it on any operating system."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not (path.startswith("/") or ".." in parts or re.search(r"[\\:\x00-\x1f]", path))
