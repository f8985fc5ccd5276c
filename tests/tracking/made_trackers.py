"""Configs of trackers, and installed packages that offer trackers."""

from dataclasses import replace
from pathlib import Path

from musicgen.tracking.config import TrackerConfig
from tests.tracking.test_comet import CONFIG


def tracking_with(**log_to: bool) -> TrackerConfig:
    """A config with these trackers."""
    return replace(CONFIG, log_to=log_to)


def install(folder: Path, module: str, code: str, **entry_points: str) -> None:
    """Put a package with a module into a folder, as pip does with --target.

    entry_points: tracker -> its module and object.
    """
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    information = folder / f"{module}-1.0.dist-info"
    information.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n"
    (information / "METADATA").write_text(metadata, encoding="utf-8")
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    points = "\n".join(["[musicgen.trackers]", *lines])
    (information / "entry_points.txt").write_text(f"{points}\n", encoding="utf-8")
