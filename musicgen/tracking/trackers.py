"""The trackers by name: Comet, and those of other packages."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from musicgen.tracking.config import COMET, TrackerConfig
from musicgen.tracking.outbox import FOLDER
from musicgen.tracking.tracker import TrackedRun, Tracker, Trackers


def openers(config: TrackerConfig, run: TrackedRun) -> Mapping[str, Callable[[], Tracker]]:
    """By name, what opens each tracker that the config uses."""
    known = {COMET: lambda: _comet(config, run.directory / FOLDER, run.name, run.tags)}
    return {name: known[name] for name, is_used in config.log_to.items() if is_used}


def comet_alone(
    config: TrackerConfig,
    folder: Path,
    name: str | None = None,
    tags: Sequence[str] = (),
    *,
    key: str | None = None,
    continues: str | None = None,
) -> Trackers:
    """Comet for something that is not a run under way: a study, or what is added to an experiment later.

    Takes what CometTracker takes, and fails as little as the trackers of a run.
    """
    return Trackers({COMET: lambda: _comet(config, folder, name, tags, key, continues)})


def _comet(
    config: TrackerConfig,
    folder: Path,
    name: str | None,
    tags: Sequence[str],
    key: str | None = None,
    continues: str | None = None,
) -> Tracker:
    # Imported late: other trackers should not wait for Comet.
    from musicgen.tracking.comet import CometTracker

    return CometTracker(config, folder, name, tags, key=key, continues=continues)
