"""Where the sweep of this process puts its runs: Hydra gives nothing back, so that a callback has to look."""

from pathlib import Path
from typing import Any, ClassVar

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
