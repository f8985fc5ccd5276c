"""What a command does after the runs of a sweep or a search: summarise and upload them."""

import logging
from pathlib import Path

from musicgen.config import config_from_dict
from musicgen.errors import InputError, one_line
from musicgen.records.destination import CONFIRMATION
from musicgen.records.record import FILE_NAME, RunRecord
from musicgen.run.experiment import track_stopped
from musicgen.search.summary import summarise_search
from musicgen.search.trials import is_search, read_trials
from musicgen.sweep.finish import finish_sweep, upload_sweep
from musicgen.system.commands import exit_status

log = logging.getLogger(__name__)


def finish(directory: Path) -> int:
    """Summarise and upload a sweep or a search; returns the exit status of its command."""
    summarise = finish_search if is_search(directory) else finish_sweep
    status = exit_status(lambda: summarise(directory))
    return exit_status(lambda: upload_sweep(directory)) or status


def finish_search(directory: Path) -> int:
    """Summarise a search; returns 1 if no trial completed or the confirmation failed, else 0.

    A search does not fail because trials failed.
    """
    # A trial that could not start leaves no run.
    first = next(directory.glob(f"*/*/{FILE_NAME}"), None)
    config = None if first is None else config_from_dict(RunRecord.read(first.parent).config)
    is_complete = summarise_search(directory, draws=config is not None and config.rendering.plots)
    _track_pruned(directory)
    if not is_complete:
        return 1
    confirmation = directory / CONFIRMATION
    if not confirmation.is_dir():
        return 0
    print(f"the best config and the baseline on fresh seeds, in {confirmation}:")
    return finish_sweep(confirmation)


def _track_pruned(directory: Path) -> None:
    """Make experiments of pruned trials: only now is it certain that they do not continue."""
    for trial in read_trials(directory).trials:
        if trial.status != "pruned" or not (directory / trial.directory / FILE_NAME).is_file():
            continue
        try:
            track_stopped(directory / trial.directory)
        except (InputError, OSError) as error:
            log.warning("trial %d is not tracked: %s", trial.number, one_line(str(error)))
