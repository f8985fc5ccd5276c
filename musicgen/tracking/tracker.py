"""What a tracker is, and the one that tracks nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Tracker(Protocol):
    """Hears of a run while it happens. No method raises: a tracker that fails is no reason to end a run."""

    def log_parameters(self, config: Mapping[str, object]) -> None:
        """Take the resolved config, nested; dotted names are made of it."""
        ...

    def log_metrics(self, metrics: Mapping[str, float | None], iteration: int | None = None) -> None:
        """Take named values, of an iteration or of the whole run; None stands for "not measured"."""
        ...

    def log_audio(self, path: Path, metadata: Mapping[str, object]) -> None:
        """Take a sound and what it is: tune, prompt, temperature."""
        ...

    def log_image(self, path: Path) -> None:
        """Take a PNG or SVG picture."""
        ...

    def log_file(self, path: Path) -> None:
        """Take any other file."""
        ...

    def end(self) -> Mapping[str, object]:
        """Finish, whatever happened before; returns kind, and archive, url or error where there is one."""
        ...


class NoTracker:
    """Tracks nothing; the run directory alone tells of the run."""

    def log_parameters(self, config: Mapping[str, object]) -> None:
        """Nothing is done."""

    def log_metrics(self, metrics: Mapping[str, float | None], iteration: int | None = None) -> None:
        """Nothing is done."""

    def log_audio(self, path: Path, metadata: Mapping[str, object]) -> None:
        """Nothing is done."""

    def log_image(self, path: Path) -> None:
        """Nothing is done."""

    def log_file(self, path: Path) -> None:
        """Nothing is done."""

    def end(self) -> Mapping[str, object]:
        """Only the kind."""
        return {"kind": "none"}
