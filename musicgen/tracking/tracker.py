"""The interface of a tracker, and the tracker that does nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Tracker(Protocol):
    """Receives a run's data while it happens. No method raises: a failing tracker must not end a run."""

    def log_parameters(self, config: Mapping[str, object]) -> None:
        """Log the resolved config, a nested mapping."""
        ...

    def log_metrics(self, metrics: Mapping[str, float | None], iteration: int | None = None) -> None:
        """Log values of an iteration or of the whole run; None means not measured."""
        ...

    def log_audio(self, path: Path, metadata: Mapping[str, object]) -> None:
        """Log a sound with its metadata: tune, prompt, temperature."""
        ...

    def log_image(self, path: Path) -> None:
        """Log a PNG or SVG picture."""
        ...

    def log_file(self, path: Path) -> None:
        """Log any other file."""
        ...

    def end(self) -> Mapping[str, object]:
        """Finish, whatever happened before; returns kind, and archive, url or error if there is one."""
        ...


class NoTracker:
    """Tracks nothing."""

    def log_parameters(self, config: Mapping[str, object]) -> None:
        """Do nothing."""

    def log_metrics(self, metrics: Mapping[str, float | None], iteration: int | None = None) -> None:
        """Do nothing."""

    def log_audio(self, path: Path, metadata: Mapping[str, object]) -> None:
        """Do nothing."""

    def log_image(self, path: Path) -> None:
        """Do nothing."""

    def log_file(self, path: Path) -> None:
        """Do nothing."""

    def end(self) -> Mapping[str, object]:
        """Return the kind."""
        return {"kind": "none"}
