"""Where the runs and the sweep of this process go: Hydra gives nothing back, so that a callback has to look.

Their names hold the time to the microsecond, and yet two processes may read the same time, above all where
somebody sets the clock. So a folder that Hydra would name by the clock is made here, by one process alone.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from traceback import clear_frames
from typing import Any, ClassVar

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from musicgen.files import make_new_folder
from musicgen.passwords import is_storage, shown_address
from musicgen.study.naming import override_text


class SweepWatch(Callback):
    """Gives runs and sweeps folders of their own, and notes a sweep's, whoever sweeps and launches."""

    directory: ClassVar[Path | None] = None
    """None as long as there is no multirun."""
    is_told: ClassVar[bool] = True
    """Whether it falls to this process to tell what the runs showed."""
    _made: ClassVar[Path | None] = None
    """The folder of a sweep that was made here."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before a single run."""
        hide_passwords(config)
        _own_folder(config, "run")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before the sweeper."""
        # A search lies where its name says, and whoever goes on with it works there too.
        if OmegaConf.select(config, "hydra.sweeper.directory") is None:
            SweepWatch._made = _own_folder(config, "sweep")
        SweepWatch.directory = Path(config.hydra.sweep.dir)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra after the sweeper: a sweep that could not start, or was not to, leaves nothing."""
        if SweepWatch._made is not None:
            # outputs/sweeps/<date>/<sweep>
            remove_empty([SweepWatch._made, *list(SweepWatch._made.parents)[:3]])

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Called by Hydra in the process of the job, which may go on with the next one.

        Sweepers keep what every job returned. Whole configs, and what the functions of a job that failed held
        in their variables, would add up.
        """
        job_return.cfg = job_return.hydra_cfg = None
        if isinstance(job_return._return_value, BaseException):
            clear_frames(job_return._return_value.__traceback__)


def hide_passwords(config: DictConfig) -> None:
    """Leave the password of a storage's address out of Hydra's part of the config, which every run keeps.

    A sweeper has been given the address by then. References to the environment stay as they are written.
    """
    raw = OmegaConf.to_container(config.hydra, resolve=False)
    assert isinstance(raw, dict)
    address = raw["sweeper"].get("storage")
    if not isinstance(address, str) or (shown := shown_address(address)) == address:
        return
    with read_write(config.hydra):
        config.hydra.sweeper.storage = shown
        # Hydra composes the jobs anew, also where the address comes from a file, and compares the sweepers.
        others = [text for text in raw["overrides"]["hydra"] if not is_storage(text)]
        config.hydra.overrides.hydra = [*others, f"hydra.sweeper.storage={override_text(shown)}"]


def _own_folder(config: DictConfig, mode: str) -> Path | None:
    """Make the folder of a run or a sweep, under another name if need be; None where a user named it."""
    if any(text.startswith(f"hydra.{mode}.dir=") for text in config.hydra.overrides.hydra):
        return None
    # Where it cannot be made, Hydra says so in a moment.
    with suppress(OSError):
        folder = make_new_folder(Path(config.hydra[mode].dir))
        with read_write(config.hydra[mode]):
            config.hydra[mode].dir = str(folder)
        return folder
    return None


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove these folders, each below the next one, up to the first that is not empty."""
    # Another process may put something in there at any moment.
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
