"""Where the sweep of this process puts its runs: Hydra gives nothing back, so that a callback has to look."""

from pathlib import Path
from traceback import clear_frames
from typing import Any, ClassVar

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class SweepWatch(Callback):
    """Notes the directory of a multirun, whichever sweeper and launcher it has."""

    directory: ClassVar[Path | None] = None
    """None as long as there is no multirun."""
    is_told: ClassVar[bool] = True
    """Whether it falls to this process to tell what the runs showed."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before the sweeper."""
        SweepWatch.directory = Path(config.hydra.sweep.dir)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Called by Hydra in the process of the job, which may go on with the next one.

        Sweepers keep what every job returned. Whole configs, and what the functions of a job that failed held
        in their variables, would add up.
        """
        job_return.cfg = job_return.hydra_cfg = None
        if isinstance(job_return._return_value, BaseException):
            clear_frames(job_return._return_value.__traceback__)
