"""Follows the runs of a command while they train, so that Comet shows their curves as they grow.

A process of its own does this (`musicgen.upload --follow`), one for a whole sweep. It reads run.json and
history.csv while the runs write them. When a run is over, its archive adds what Comet lacks.
"""

import csv
import io
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from musicgen.config import config_from_dict
from musicgen.errors import InputError, one_line
from musicgen.records.record import RunRecord
from musicgen.records.runs import records_below
from musicgen.run.experiment import described, track_row, track_status
from musicgen.run.uploads import archive_of
from musicgen.system.files import read_whole
from musicgen.tracking.archive import experiment_key
from musicgen.tracking.history import COLUMNS
from musicgen.tracking.live import LiveExperiment
from musicgen.tracking.outbox import note_start

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_SCAN_SHARE = 0.1
"""Of its time it spends looking for new runs, at most."""
_RETRY_SECONDS = 30.0
_MAX_HISTORY_BYTES = 2**28


@dataclass
class Follower:
    """Follows every run that begins at or below a directory until the command has ended."""

    directory: Path
    has_ended: threading.Event
    """Set when the command has ended."""
    send: Callable[[Path, Path], None]
    """Sends the archive of a run that is over; the second path is the run's directory."""
    _changed_at: dict[Path, int] = field(default_factory=dict)
    """run.json -> when it was last written."""
    _seen: set[Path] = field(default_factory=set)
    """Archives of runs that are or were followed."""
    _sending: threading.Lock = field(default_factory=threading.Lock)

    def follow(self) -> None:
        """Return when the command has ended and Comet has what it will take."""
        threads: list[threading.Thread] = []
        while True:
            is_last, started = self.has_ended.is_set(), time.monotonic()
            for directory, archive in self._new_runs():
                threads.append(threading.Thread(target=self._follow_run, args=(directory, archive)))
                threads[-1].start()
            if is_last:
                break
            threads = [thread for thread in threads if thread.is_alive()]
            seconds = time.monotonic() - started
            self.has_ended.wait(max(_POLL_SECONDS, seconds / _SCAN_SHARE))
        for thread in threads:
            thread.join()

    def _new_runs(self) -> Iterator[tuple[Path, Path]]:
        """Runs that are under way and not followed yet, with their archives."""
        for file in records_below(self.directory):
            try:
                written_at = file.stat().st_mtime_ns
                if self._changed_at.get(file) == written_at:
                    continue
                self._changed_at[file] = written_at
                record = RunRecord.read(file.parent)
                archive = archive_of(record, file.parent)
            except (OSError, InputError):
                continue
            if record.status == "running" and archive is not None and archive not in self._seen:
                self._seen.add(archive)
                yield file.parent, archive

    def _follow_run(self, directory: Path, archive: Path) -> None:
        try:
            is_over = self._show(directory, archive)
            if is_over:
                with self._sending:
                    self.send(archive, directory)
        except Exception as error:
            # Everything is in the archive, which the command's last step sends.
            log.warning("%s", one_line(f"{directory}: not shown on Comet: {type(error).__name__}: {error}"))

    def _show(self, directory: Path, archive: Path) -> bool:
        """Show the run until it or the command is over; returns whether the run is over."""
        record = RunRecord.read(directory)
        config, run = config_from_dict(record.config), described(record, directory)
        rows = _HistoryRows(directory / "history.csv")
        experiment, try_at = None, 0.0
        while True:
            has_ended = self.has_ended.is_set()
            record = RunRecord.read(directory)
            is_over = record.status != "running"
            if experiment is None and not is_over and not has_ended and time.monotonic() >= try_at:
                note_start(archive)
                try:
                    experiment = LiveExperiment(config.tracker, experiment_key(archive), run)
                    note_start(archive, experiment.url)
                    experiment.log_parameters(run.config)
                    track_status(experiment, record, directory)
                except ConnectionError:
                    try_at = time.monotonic() + _RETRY_SECONDS
            if experiment is not None:
                for row in rows.new():
                    track_row(experiment, row)
            if is_over or has_ended:
                break
            self.has_ended.wait(_POLL_SECONDS)
        if experiment is not None:
            if not is_over:
                # The process was killed before it could say so.
                experiment.log_facts({"status": "interrupted"})
            experiment.end()
        return is_over


class _HistoryRows:
    """Reads history.csv while it grows, complete lines alone."""

    def __init__(self, path: Path) -> None:
        self._path, self._num_rows = path, 0

    def new(self) -> list[dict[str, float | None]]:
        """The rows since the last call."""
        try:
            text = read_whole(self._path, _MAX_HISTORY_BYTES, follows_links=False).decode()
        except FileNotFoundError:
            return []
        rows = list(csv.DictReader(io.StringIO(text.rpartition("\n")[0])))[self._num_rows :]
        self._num_rows += len(rows)
        return [{name: float(row[name]) if row[name] else None for name in COLUMNS} for row in rows]
