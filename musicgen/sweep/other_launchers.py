"""Launchers other than ours (joblib, Ray, submitit, Hydra's own), whose jobs may run on other machines.

They come from Hydra's plugins. A job that raises is one failed run, but a job whose process dies ends the
whole launch: these launchers do not say which job it was.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from omegaconf.errors import OmegaConfBaseException

from musicgen.config import PathsConfig
from musicgen.errors import InputError
from musicgen.records.naming import override_text
from musicgen.sweep.job_queue import JobFailed
from musicgen.sweep.worker import describe_error

_PASSED_ON = (InputError, HydraException, OmegaConfBaseException, KeyboardInterrupt)


def set_up_ray() -> None:
    """Configure a Ray that is started here, unless the user's environment does.

    By default it reports its use over the network, and its jobs stall next to any other computation since it
    lowers their priority.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")


def absolute_paths(paths: PathsConfig) -> list[str]:
    """Overrides that name the same folders whatever directory a job starts in."""
    folders = {"outputs": paths.outputs, "store": paths.store, "cache": paths.cache}
    return [f"paths.{name}={override_text(str(Path(path).absolute()))}" for name, path in folders.items()]


def launch(launcher: Launcher, job_overrides: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
    """Run the jobs; raises JobFailed with one line if the launcher or the process of a job failed."""
    try:
        return launcher.launch(job_overrides, initial_job_idx=first)
    except _PASSED_ON:
        raise
    except Exception as error:
        raise JobFailed(f"{type(launcher).__name__}: {describe_error(error).error}") from error
