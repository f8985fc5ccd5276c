"""Follows the runs of a command while they train, so that Comet shows their curves as they grow.

A separate process does this (`musicgen.upload --follow`), one for a whole sweep. It reads run.json and
history.csv while the runs write them. When the command is over, the archives add what Comet lacks: sounds,
pictures and tables, and whatever did not get through.
"""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from musicgen.errors import InputError, one_line
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun, records_below
from musicgen.run.experiment import described, track_measures, track_row, track_status
from musicgen.run.uploads import archive_of
from musicgen.system.locks import lock_beside, take_lock
from musicgen.tracking.archive import experiment_key
from musicgen.tracking.config import tracker_config
from musicgen.tracking.live import LiveExperiment
from musicgen.tracking.outbox import note_start

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_SCAN_SHARE = 0.1
"""Of its time it spends looking for new runs, at most."""
_RETRY_SECONDS = 30.0


@dataclass
class Follower:
    """Follows every run that begins at or below a directory until the command has ended."""

    directory: Path
    has_ended: threading.Event
    """Set when the command has ended."""
    _changed_at: dict[Path, int] = field(default_factory=dict)
    """run.json -> when it was last written."""
    _seen: set[Path] = field(default_factory=set)
    """Archives of runs that are or were followed."""

    def follow(self) -> None:
        """Return when the command has ended and Comet has the curves, or has taken too long for them."""
        threads: list[threading.Thread] = []
        while True:
            is_last, started = self.has_ended.is_set(), time.monotonic()
            for run, archive in self._new_runs():
                threads.append(threading.Thread(target=self._follow_run, args=(run, archive)))
                threads[-1].start()
            if is_last:
                break
            threads = [thread for thread in threads if thread.is_alive()]
            seconds = time.monotonic() - started
            self.has_ended.wait(max(_POLL_SECONDS, seconds / _SCAN_SHARE))
        for thread in threads:
            thread.join()

    def _new_runs(self) -> Iterator[tuple[FoundRun, Path]]:
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
                yield FoundRun(file.parent, record), archive

    def _follow_run(self, run: FoundRun, archive: Path) -> None:
        has_locks = run.record.has_locks
        try:
            # Every process of a search looks for its runs, but one shows each.
            lock = take_lock(lock_beside(archive)) if has_locks else None
            if has_locks and lock is None:
                return
            try:
                self._show(run, archive)
            finally:
                if lock is not None:
                    lock.release()
        except Exception as error:
            # Everything is in the archive, which the command's last step sends.
            reason = f"{type(error).__name__}: {error}"
            log.warning("%s", one_line(f"{run.directory}: not shown on Comet: {reason}"))

    def _show(self, run: FoundRun, archive: Path) -> None:
        directory, config = run.directory, tracker_config(run.record.config)
        tracked = described(run.record, directory)
        experiment, num_rows, try_at = None, 0, 0.0
        while True:
            has_ended = self.has_ended.is_set()
            record = RunRecord.read(directory)
            is_over = has_ended or record.status != "running"
            if experiment is None and not is_over and time.monotonic() >= try_at:
                note_start(archive, locks=record.has_locks)
                try:
                    experiment = LiveExperiment(config, experiment_key(archive), tracked)
                except ConnectionError:
                    try_at = time.monotonic() + _RETRY_SECONDS
                else:
                    note_start(archive, experiment.url, locks=record.has_locks)
                    experiment.log_parameters(tracked.config)
                    track_status(experiment, record, directory)
            if experiment is not None:
                rows = run.history_rows() or []
                for row in rows[num_rows:]:
                    track_row(experiment, row)
                num_rows = len(rows)
            if is_over:
                break
            self.has_ended.wait(_POLL_SECONDS)
        if experiment is None:
            return
        if record.status == "running":
            # Its process was killed before it could say so.
            record.status = "interrupted"
        track_status(experiment, record, directory)
        track_measures(experiment, record)
        experiment.end()
