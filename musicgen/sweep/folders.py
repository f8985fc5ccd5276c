"""The folders of runs and sweeps, which Hydra's callback makes and checks before Hydra writes there.

Folder names hold the time to the microsecond, and yet two processes may read the same time, especially when
somebody sets the clock. So a folder that is named by the clock is created here, by exactly one process.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, ListConfig, OmegaConf, read_write

from musicgen.config import override_texts, parse_config, warn_of_old_names
from musicgen.errors import InputError
from musicgen.records.destination import check_run_folder, check_sweep_folder
from musicgen.records.naming import changes_name, override_text, search_name
from musicgen.run.uploads import follow_in_background
from musicgen.sweep.design import without_hydra
from musicgen.sweep.other_launchers import register_trusted
from musicgen.system.commands import complain
from musicgen.system.files import make_new_folder
from musicgen.system.made import Made
from musicgen.system.passwords import is_storage, shown_storage
from musicgen.tracking.config import tracker_config


@dataclass
class Command:
    """What the command must know after Hydra has returned.

    Hydra passes nothing from its callbacks, sweepers and jobs back to its caller, so they leave it here. A
    process runs one command.
    """

    directory: Path | None = None
    """Of the run or the sweep; None for --help and the like."""
    has_results: bool = False
    """Whether this process has to summarise what the runs of a sweep or a search showed."""
    made: Made = field(default_factory=Made)
    """What a command that cannot start removes again."""


command = Command()


def show_live(config: DictConfig) -> None:
    """Have Comet show the runs of this command while they train, if the config of the sweep says so."""
    if command.directory is None:
        return
    groups = OmegaConf.to_container(OmegaConf.masked_copy(config, ["tracker", "paths"]), resolve=True)
    assert isinstance(groups, dict)
    named = {str(name): group for name, group in groups.items()}
    follow_in_background(command.directory, tracker_config(named), locks=bool(config.paths.locks))


class FolderCallback(Callback):
    """Gives every run and every sweep its own folder, whatever the sweeper and the launcher."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before a single run, and before Hydra writes anything."""
        hide_passwords(config)
        _warn_of_old_names(config)
        with _ending_the_command():
            if not _make_own_folder(config, "run"):
                folder = Path(config.hydra.run.dir)
                by_hydra = [_log_of(config)]
                if config.hydra.output_subdir is not None:
                    by_hydra.append(config.hydra.output_subdir)
                check_run_folder(folder, lambda: parse_config(without_hydra(config)), by_hydra)
                command.made.expect_folder(folder)
            command.directory = Path(config.hydra.run.dir).absolute()
            _expect_files_of_hydra(config)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before the sweeper."""
        with _ending_the_command():
            register_trusted(config)
            # The folder of a search is shared by all processes that work on its storage.
            is_search = OmegaConf.select(config, "hydra.sweeper.directory") is not None
            is_shared = is_search and config.hydra.sweeper.storage is not None
            if is_shared or not _make_own_folder(config, "sweep", is_search):
                folder = Path(config.hydra.sweep.dir)
                check_sweep_folder(folder)
                command.made.expect_folder(folder)
            command.directory, command.has_results = Path(config.hydra.sweep.dir), True
            _warn_of_old_names(config)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra after the sweeper: a dry run leaves nothing."""
        command.made.remove_empty_folders()

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Called by Hydra in the process of the job, which may run other jobs afterwards.

        Sweepers keep what every job returned. Its config, and the local variables of a job that failed, would
        fill the memory.
        """
        job_return.cfg = job_return.hydra_cfg = None
        if isinstance(job_return._return_value, BaseException):
            traceback.clear_frames(job_return._return_value.__traceback__)


def register_resolver() -> None:
    """Make `${musicgen.changes:OVERRIDES,LEFT_OUT...}` and `${musicgen.search:NAME,OVERRIDES}` available.

    They name the folders in conf/hydra/.
    """

    def name_changes(overrides: ListConfig, *left_out: str) -> str:
        return changes_name(override_texts(overrides), *left_out)

    def name_search(name: str | None, overrides: ListConfig) -> str:
        return search_name(override_texts(overrides)) if name is None else str(name)

    OmegaConf.register_resolver("musicgen.changes", name_changes, replace=True)
    OmegaConf.register_resolver("musicgen.search", name_search, replace=True)


def take_back(directory: Path) -> None:
    """Remove what Hydra made for a run that cannot start, but nothing that was there before."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        # Not every system removes an open file, and another line would create it again.
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).is_relative_to(
            directory.absolute()
        ):
            root.removeHandler(handler)
            handler.close()
    command.made.take_back()


def hide_passwords(config: DictConfig) -> None:
    """Remove the passwords of a storage's address from Hydra's part of the config, which every run keeps.

    By then the sweeper has been given the address. References to the environment stay as they are written.
    """
    raw = OmegaConf.to_container(config.hydra, resolve=False)
    assert isinstance(raw, dict)
    address = raw["sweeper"].get("storage")
    if address is None or (shown := shown_storage(address)) == address:
        return
    with read_write(config.hydra):
        config.hydra.sweeper.storage = shown
        # Hydra composes the jobs anew, even if a file holds the address, and compares their sweepers.
        others = [text for text in raw["overrides"]["hydra"] if not is_storage(text)]
        config.hydra.overrides.hydra = [*others, f"hydra.sweeper.storage={override_text(shown)}"]


@contextmanager
def _ending_the_command() -> Iterator[None]:
    """End the command on an error: Hydra only warns of what a callback raises, and skips its checks."""
    try:
        yield
    except InputError as error:
        sys.exit(complain(str(error)))
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _warn_of_old_names(config: DictConfig) -> None:
    lists = (OmegaConf.select(config, place) for place in ("study.baseline", "hydra.overrides.task"))
    warn_of_old_names(text for one in lists if OmegaConf.is_list(one) for text in override_texts(one))


def _make_own_folder(config: DictConfig, mode: str, needs_one: bool = False) -> bool:
    """Make the folder of a run or a sweep, renamed if it is taken; False if the clock does not name it.

    needs_one: make it all the same.
    """
    pattern = OmegaConf.to_container(config.hydra[mode], resolve=False)
    is_named_by_clock = isinstance(pattern, dict) and "${now:" in str(pattern["dir"])
    if not (is_named_by_clock or needs_one):
        return False
    folder = Path(config.hydra[mode].dir)
    command.made.expect_folder(folder.parent)
    # If it cannot be made, Hydra reports that in a moment.
    with suppress(OSError):
        folder = make_new_folder(folder)
        command.made.note_folder(folder)
        with read_write(config.hydra[mode]):
            config.hydra[mode].dir = str(folder)
    return True


def _log_of(config: DictConfig) -> str:
    return f"{config.hydra.job.name}.log"


def _expect_files_of_hydra(config: DictConfig) -> None:
    folder = Path(config.hydra.run.dir)
    command.made.expect_file(folder / _log_of(config))
    if config.hydra.output_subdir is not None:
        subfolder = folder / config.hydra.output_subdir
        command.made.expect_folder(subfolder)
        for name in ("config.yaml", "hydra.yaml", "overrides.yaml"):
            command.made.expect_file(subfolder / name)
