"""Launchers other than ours: joblib, Ray, submitit and Hydra's own, whose jobs may run on other machines.

They come from Hydra's plugins; here stands what a job of theirs has to be told, and how they fail. A job that
raises is one failed run. A job whose process dies takes the launch with it: these launchers cannot tell which
one it was.
"""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from omegaconf.errors import OmegaConfBaseException

from musicgen.config import PathsConfig
from musicgen.errors import InputError
from musicgen.study.launcher import JobFailed
from musicgen.study.naming import override_text
from musicgen.study.worker import describe

_PASSED_ON = (InputError, HydraException, OmegaConfBaseException, KeyboardInterrupt)


def absolute_paths(paths: PathsConfig) -> list[str]:
    """Overrides that name the same folders in whichever directory a job is started."""
    folders = {"outputs": paths.outputs, "store": paths.store, "cache": paths.cache}
    return [f"paths.{name}={override_text(str(Path(path).absolute()))}" for name, path in folders.items()]


def launch(launcher: Launcher, job_overrides: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
    """Run the jobs; raises JobFailed with one line where the launcher or the process of a job failed."""
    try:
        return launcher.launch(job_overrides, initial_job_idx=first)
    except _PASSED_ON:
        raise
    except Exception as error:
        raise JobFailed(f"{type(launcher).__name__}: {describe(error).error}") from error
