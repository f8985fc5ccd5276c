"""What a command does after the runs of a sweep or a search: summarise and upload them."""

from pathlib import Path

from musicgen.config import config_from_dict
from musicgen.records.destination import CONFIRMATION
from musicgen.records.record import FILE_NAME, RunRecord
from musicgen.search.summary import summarise_search
from musicgen.search.trials import is_search
from musicgen.sweep.finish import finish_sweep, upload_sweep
from musicgen.system.commands import exit_status


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
    if not summarise_search(directory, draws=config is not None and config.rendering.plots):
        return 1
    confirmation = directory / CONFIRMATION
    if not confirmation.is_dir():
        return 0
    print(f"the best config and the baseline on fresh seeds, in {confirmation}:")
    return finish_sweep(confirmation)
