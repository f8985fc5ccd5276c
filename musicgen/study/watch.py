"""Where the runs and the sweep of this process go: Hydra gives nothing back, so that a callback has to look.

Their names hold the time to the microsecond, and yet two processes may read the same time, above all where
somebody sets the clock. So a folder that Hydra would name by the clock is made here, by one process alone.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from musicgen.files import make_new_folder


class SweepWatch(Callback):
    """Gives runs and sweeps folders of their own; notes that of a sweep, whichever sweeper and launcher it has."""

    directory: ClassVar[Path | None] = None
    """None as long as there is no multirun."""
    is_told: ClassVar[bool] = True
    """Whether it falls to this process to tell what the runs showed."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before a single run."""
        _own_folder(config, "run")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before the sweeper."""
        # A search lies where its name says, and whoever goes on with it works there too.
        if OmegaConf.select(config, "hydra.sweeper.directory") is None:
            _own_folder(config, "sweep")
        SweepWatch.directory = Path(config.hydra.sweep.dir)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra after the sweeper: a sweep that could not start, or was not to, leaves nothing."""
        directory = Path(config.hydra.sweep.dir)
        # Of the tree outputs/sweeps/<date>/<sweep>, what is empty.
        with suppress(OSError):
            for folder in (directory, *list(directory.parents)[:3]):
                folder.rmdir()


def _own_folder(config: DictConfig, mode: str) -> None:
    """Make the folder of a run or a sweep, under another name if there is one; none that a user has named."""
    if any(text.startswith(f"hydra.{mode}.dir=") for text in config.hydra.overrides.hydra):
        return
    # Where it cannot be made, Hydra says so in a moment.
    with suppress(OSError), read_write(config):
        config.hydra[mode].dir = str(make_new_folder(Path(config.hydra[mode].dir)))
