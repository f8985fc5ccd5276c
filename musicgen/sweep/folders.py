"""Where the runs and the sweep of this process go: Hydra gives nothing back, so that a callback has to look.

Their names hold the time to the microsecond, and yet two processes may read the same time, above all where
somebody sets the clock. So a folder that Hydra would name by the clock is made here, by one process alone.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from musicgen.config import override_texts, parse_config, warn_of_old_names
from musicgen.errors import InputError
from musicgen.records.destination import check_run_folder, check_sweep_folder
from musicgen.records.naming import override_text
from musicgen.sweep.design import without_hydra
from musicgen.system.commands import complain
from musicgen.system.files import Made, make_new_folder
from musicgen.system.passwords import is_storage, shown_address


class SweepWatch(Callback):
    """Gives runs and sweeps folders of their own, and notes a sweep's, whoever sweeps and launches."""

    directory: ClassVar[Path | None] = None
    """None as long as there is no multirun."""
    is_told: ClassVar[bool] = True
    """Whether it falls to this process to tell what the runs showed."""
    made: ClassVar[Made] = Made()
    """What a command that cannot start takes back."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before a single run, and before Hydra writes anything."""
        hide_passwords(config)
        _warn_of_old_names(config)
        with _ending_the_command():
            if not _own_folder(config, "run"):
                folder = Path(config.hydra.run.dir)
                by_hydra = [_log_of(config)]
                if config.hydra.output_subdir is not None:
                    by_hydra.append(config.hydra.output_subdir)
                check_run_folder(folder, lambda: parse_config(without_hydra(config)), by_hydra)
                SweepWatch.made.expect_folder(folder)
            _expect_files_of_hydra(config)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before the sweeper."""
        with _ending_the_command():
            # A search lies where its name says, and every process that continues it works there.
            is_search = OmegaConf.select(config, "hydra.sweeper.directory") is not None
            if is_search or not _own_folder(config, "sweep"):
                folder = Path(config.hydra.sweep.dir)
                check_sweep_folder(folder)
                SweepWatch.made.expect_folder(folder)
            SweepWatch.directory = Path(config.hydra.sweep.dir)
            _warn_of_old_names(config)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra after the sweeper: a dry run leaves nothing."""
        SweepWatch.made.remove_empty_folders()

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Called by Hydra in the process of the job, which may go on with the next one.

        Sweepers keep what every job returned. Whole configs, and what the functions of a job that failed held
        in their variables, would add up.
        """
        job_return.cfg = job_return.hydra_cfg = None
        if isinstance(job_return._return_value, BaseException):
            traceback.clear_frames(job_return._return_value.__traceback__)


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


@contextmanager
def _ending_the_command() -> Iterator[None]:
    """End the command if a folder may not be written to: Hydra only warns of what a callback raises."""
    try:
        yield
    except InputError as error:
        sys.exit(complain(str(error)))
    except Exception:
        # A defect. Hydra would go on without the checks.
        traceback.print_exc()
        sys.exit(1)


def _warn_of_old_names(config: DictConfig) -> None:
    lists = (OmegaConf.select(config, place) for place in ("study.baseline", "hydra.overrides.task"))
    warn_of_old_names(text for one in lists if OmegaConf.is_list(one) for text in override_texts(one))


def _own_folder(config: DictConfig, mode: str) -> bool:
    """Make the folder of a run or a sweep, under another name if need be; False if no clock names it."""
    pattern = OmegaConf.to_container(config.hydra[mode], resolve=False)
    if not isinstance(pattern, dict) or "${now:" not in str(pattern["dir"]):
        return False
    folder = Path(config.hydra[mode].dir)
    SweepWatch.made.expect_folder(folder.parent)
    # If it cannot be made, Hydra says so in a moment.
    with suppress(OSError):
        folder = make_new_folder(folder)
        SweepWatch.made.note_folder(folder)
        with read_write(config.hydra[mode]):
            config.hydra[mode].dir = str(folder)
    return True


def _log_of(config: DictConfig) -> str:
    return f"{config.hydra.job.name}.log"


def _expect_files_of_hydra(config: DictConfig) -> None:
    folder = Path(config.hydra.run.dir)
    SweepWatch.made.expect_file(folder / _log_of(config))
    if config.hydra.output_subdir is not None:
        subfolder = folder / config.hydra.output_subdir
        SweepWatch.made.expect_folder(subfolder)
        for name in ("config.yaml", "hydra.yaml", "overrides.yaml"):
            SweepWatch.made.expect_file(subfolder / name)
