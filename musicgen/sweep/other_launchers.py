"""Launchers other than ours (joblib, Ray, submitit, Hydra's own), whose jobs may run on other machines.

They come from Hydra's plugins or from modules that the user trusts. A job that raises is one failed run, but
a job whose process dies ends the whole launch: these launchers do not say which job it was.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen.config import PathsConfig
from musicgen.errors import InputError, one_line
from musicgen.records.naming import override_text
from musicgen.sweep.job_queue import JobFailed
from musicgen.sweep.worker import describe_error
from musicgen.system.extensions import is_trusted

_PASSED_ON = (InputError, HydraException, OmegaConfBaseException, KeyboardInterrupt)


def set_up_ray() -> None:
    """Configure a Ray that is started here, unless the user's environment does.

    By default it reports its use over the network, and its jobs stall next to any other computation since it
    lowers their priority.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")


def register_trusted(config: DictConfig) -> None:
    """Let Hydra, which knows the plugins that are installed, use a launcher or sweeper of a trusted module.

    Raises InputError if it is neither.
    """
    for part in ("launcher", "sweeper"):
        target = str(OmegaConf.select(config, f"hydra.{part}._target_"))
        known = Plugins.instance().class_name_to_class
        if target in known or not is_trusted(target.rpartition(".")[0]):
            continue
        try:
            Plugins.instance().register(resolve_name(target))
        except Exception as error:  # Importing a module may raise anything.
            reason = one_line(f"{type(error).__name__}: {error}")
            raise InputError(f"hydra.{part}._target_={target}: {reason}") from error


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
