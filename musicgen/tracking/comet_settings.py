"""Comet's own settings, heeded where the config is silent: COMET_… in the environment, then .comet.config.

They are read by comet_ml, which takes a second to import. So nothing here is called unless Comet is used.
"""

import logging
import os
from functools import cache
from pathlib import Path
from typing import Any

from musicgen.errors import InputError
from musicgen.tracking.config import DEFAULT_PROJECT, Mode, TrackerConfig

log = logging.getLogger(__name__)

FOLDER = "comet"
"""The name of the folders with archives, in the directories of runs, sweeps and sessions."""
OFFLINE_DIRECTORY = "COMET_OFFLINE_DIRECTORY"
NO_KEY = "Comet has no key"


def forbid_patching() -> None:
    """Stop comet_ml from patching torch and reporting errors to others; call before importing it."""
    os.environ.setdefault("COMET_DISABLE_AUTO_LOGGING", "1")
    os.environ.setdefault("COMET_ERROR_TRACKING_ENABLE", "false")


def project(config: TrackerConfig) -> str:
    """The project that runs belong to."""
    return config.project or _text("comet.project_name") or DEFAULT_PROJECT


def workspace(config: TrackerConfig) -> str | None:
    """The workspace of the project; None for the default one of the key's owner."""
    return config.workspace or _text("comet.workspace")


def has_key() -> bool:
    """Whether Comet has a key, from any of its sources."""
    return _text("comet.api_key") is not None


def mode(config: TrackerConfig) -> Mode:
    """When Comet gets a run; offline without a key, whatever else is set."""
    return "offline" if why_offline(config) is not None else config.mode or "live"


def why_offline(config: TrackerConfig) -> str | None:
    """What keeps runs on this machine until `musicgen upload`, as a phrase; None if they are sent."""
    if config.mode == "offline":
        return "tracker.mode=offline"
    if config.mode is None and _setting("comet.start.online") is False:
        return "COMET_START_ONLINE"
    return None if has_key() else NO_KEY


def experiment_name(name: str, *, is_of_sweep: bool) -> str:
    """What an experiment is called on Comet: the run's own name, after or replaced by the user's."""
    own = _text("comet.experiment_name")
    if own is None:
        return name
    return f"{own} · {name}" if is_of_sweep else own


@cache
def warn_of_experiment_key() -> None:
    """Say once in a process that COMET_EXPERIMENT_KEY is ignored: it would make all runs one experiment."""
    if _text("comet.experiment_key") is not None:
        log.warning("COMET_EXPERIMENT_KEY is ignored: every run is a separate experiment")


def own_folder() -> Path | None:
    """The folder that the user has set for all archives; None if each run has its own."""
    if _text("comet.offline_directory") is None:
        return None
    config = _config()
    # Comet has a default, which is meant for other programs.
    is_default = config.get_config_origin("comet.offline_directory") is None
    return None if is_default else Path(config.get_comet_offline_directory()).absolute()


def is_own_folder(path: Path) -> bool:
    """Whether the path is the user's folder of archives."""
    own = own_folder()
    return own is not None and path.resolve() == own.resolve()


def archive_folder(directory: Path) -> Path:
    """Where the archives of a run are written."""
    return own_folder() or directory / FOLDER


def recorded_name(archive: Path) -> str:
    """How run.json names an archive: relative to the run, or absolute if it is in the user's own folder."""
    folder = archive.parent
    return str(archive.absolute()) if is_own_folder(folder) else f"{folder.name}/{archive.name}"


def recorded_archive(recorded: object, directory: Path) -> Path | None:
    """The archive that a run.json names; None if it names none.

    The run may come from somebody else, so only two folders count: the run's own, and the one that the
    settings name at present. Raises InputError for an archive in any other folder.
    """
    path = Path(recorded if isinstance(recorded, str) and "\0" not in recorded else "")
    if ".." in path.parts:
        return None
    if path.is_absolute():
        if not is_own_folder(path.parent):
            raise InputError(
                f"{directory}: its archive is {path}; only with {OFFLINE_DIRECTORY}={path.parent} it is sent"
            )
        return path
    return directory / path if path.parts == (FOLDER, path.name) else None


def _text(name: str) -> str | None:
    """A setting; None if it is missing or empty."""
    return _setting(name) or None


def _setting(name: str) -> Any:
    try:
        return _config().get_raw(None, name)
    except Exception as error:  # The file may be anything, and Comet reads it with three packages.
        reason = str(error).partition("\n")[0]
        variable = name.upper().replace(".", "_")
        raise InputError(f"{variable} or .comet.config cannot be read: {reason}") from error


def _config() -> Any:
    forbid_patching()
    from comet_ml.config.config_api import get_config

    return get_config()
