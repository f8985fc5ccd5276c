"""The trackers by name: Comet, TensorBoard, and those of other packages.

A package offers a tracker as an entry point of the group `musicgen.trackers`: a function or class that takes
a `TrackedRun` and returns a `Tracker`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from musicgen.errors import InputError, how_to_install
from musicgen.system.extensions import Extensions
from musicgen.tracking.config import COMET, TENSORBOARD, TrackerConfig
from musicgen.tracking.tracker import TrackedRun, Tracker, Trackers

BUILT_IN = (COMET, TENSORBOARD)
_OUTSIDE = Extensions("musicgen.trackers", "tracker", BUILT_IN)

Opener = Callable[[TrackedRun], object]
"""Takes a run and should return a Tracker."""


def check_trackers(config: TrackerConfig) -> None:
    """Raise InputError if a tracker that the config uses is not installed, or cannot be imported."""
    for name in _used(config):
        if name == TENSORBOARD and find_spec("tensorboard") is None:
            raise InputError(
                f"tracker.log_to.{name}: its package is not installed: {how_to_install('tensorboard')}"
            )
        if name not in BUILT_IN:
            _of_other_package(name)


def openers(config: TrackerConfig, run: TrackedRun) -> Mapping[str, Callable[[], Tracker]]:
    """By name, what opens each tracker that the config uses."""
    return {name: partial(_open, name, config, run) for name in _used(config)}


def comet_alone(
    config: TrackerConfig,
    folder: Path,
    name: str | None = None,
    tags: Sequence[str] = (),
    *,
    key: str | None = None,
    continues: str | None = None,
    is_of_sweep: bool = True,
) -> Trackers:
    """Comet for something that is not a run under way: a study, or what is added to an experiment later.

    Takes what CometTracker takes, and fails as little as the trackers of a run. is_of_sweep: whether the
    experiment is one of several, which need different names.
    """
    opener = partial(
        _open_comet, config, folder, name, tags, key=key, continues=continues, is_of_sweep=is_of_sweep
    )
    return Trackers({COMET: opener})


def _used(config: TrackerConfig) -> list[str]:
    return [name for name, is_used in config.log_to.items() if is_used]


def _open(name: str, config: TrackerConfig, run: TrackedRun) -> Tracker:
    # Imported late: no tracker should wait for the packages of another.
    if name == COMET:
        from musicgen.tracking.comet_settings import archive_folder

        folder = archive_folder(run.directory)
        return _open_comet(config, folder, run.name, run.tags, is_of_sweep=run.is_of_sweep)
    if name == TENSORBOARD:
        from musicgen.tracking.tensorboard import TensorBoardTracker

        return TensorBoardTracker(run)
    tracker = _of_other_package(name)(run)
    if not isinstance(tracker, Tracker):
        raise InputError(f"the entry point returns a {type(tracker).__name__}, which is not a Tracker")
    return tracker


def _open_comet(
    config: TrackerConfig,
    folder: Path,
    name: str | None,
    tags: Sequence[str],
    *,
    is_of_sweep: bool,
    key: str | None = None,
    continues: str | None = None,
) -> Tracker:
    from musicgen.tracking.comet import CometTracker
    from musicgen.tracking.comet_settings import experiment_name

    shown = None if name is None else experiment_name(name, is_of_sweep=is_of_sweep)
    return CometTracker(config, folder, shown, tags, key=key, continues=continues)


def _of_other_package(name: str) -> Opener:
    """What opens the tracker of an installed package; raises InputError."""
    return _OUTSIDE.load(name, f"tracker.log_to.{name}")
