"""Launchers other than ours: joblib, Ray, submitit and Hydra's own, whose jobs may run on other machines.

They come from Hydra's plugins; here stands what a job of theirs has to be told, and how they fail. A job that
raises is one failed run. A job whose process dies takes the launch with it: these launchers cannot tell which
one it was.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from omegaconf.errors import OmegaConfBaseException

from musicgen.config import PathsConfig
from musicgen.errors import InputError
from musicgen.records.naming import override_text
from musicgen.sweep.launcher import JobFailed
from musicgen.sweep.worker import describe

_PLUGIN = re.compile(r"Unknown plugin class : '((?:hydra_plugins\.hydra_(\w+)_launcher\.)?.*)'")
_EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit": "slurm"}
"""Launcher's package -> the extra of this one that installs it."""
_PASSED_ON = (InputError, HydraException, OmegaConfBaseException, KeyboardInterrupt)


def set_up_ray() -> None:
    """What a Ray that is started here should do, unless the user's environment says otherwise.

    It would report its use over the network, and give its jobs a priority at which they stand still beside
    anything else that computes.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")


def absolute_paths(paths: PathsConfig) -> list[str]:
    """Overrides that name the same folders in whichever directory a job is started."""
    folders = {"outputs": paths.outputs, "store": paths.store, "cache": paths.cache}
    return [f"paths.{name}={override_text(str(Path(path).absolute()))}" for name, path in folders.items()]


def describe_missing(error: RuntimeError) -> str | None:
    """What to install, in one line, where the error says that a launcher's package is missing; else None."""
    plugin = _PLUGIN.fullmatch(str(error))
    if plugin is None:
        return None
    if plugin[2] is None:
        return f"_target_={plugin[1]}: there is no such sweeper or launcher"
    extra = _EXTRAS.get(plugin[2])
    how = f": pip install 'musicgen[{extra}]'" if extra else ""
    return f"hydra.launcher._target_={plugin[1]}: its package is not installed{how}"


def launch(launcher: Launcher, job_overrides: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
    """Run the jobs; raises JobFailed with one line where the launcher or the process of a job failed."""
    try:
        return launcher.launch(job_overrides, initial_job_idx=first)
    except _PASSED_ON:
        raise
    except Exception as error:
        raise JobFailed(f"{type(launcher).__name__}: {describe(error).error}") from error
