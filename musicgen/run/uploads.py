"""Sending the archives of runs, sweeps, notes and ratings to Comet."""

import logging
import shlex
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.errors import InputError, one_line
from musicgen.records.record import RunRecord
from musicgen.records.runs import records_below
from musicgen.system.commands import complain
from musicgen.system.files import refuse_link

if TYPE_CHECKING:
    from musicgen.tracking.config import Mode, TrackerConfig
    from musicgen.tracking.outbox import Upload

# Modules of tracking/ are imported inside functions: Comet takes a second to import.

log = logging.getLogger(__name__)

LOG_NAME = "upload.log"
"""The output of a background upload, in the directory it sends."""
_in_background: list[subprocess.Popen[bytes]] = []
_followers: dict[Path, subprocess.Popen[bytes] | None] = {}
"""Directory -> the process that shows its runs while they train."""


def describe_upload(directory: Path, shown: Path) -> str:
    """Says in a line where the runs of a command are on Comet, or where they are kept and why.

    shown: the directory as the user would write it.
    """
    from musicgen.tracking.config import tracker_config
    from musicgen.tracking.outbox import address_of, find_archives, is_sent

    file = next(records_below(directory), None)
    if file is None:
        return ""
    record = RunRecord.read(file.parent)
    config, send = tracker_config(record.config), f"musicgen upload {shlex.quote(str(shown))}"
    if not config.uses_comet:
        return "comet:   off (tracker=none)"
    if why := _why_offline(record, config):
        return f"comet:   kept in {shown} ({why}); to send it: {send}"
    if error := (record.comet or {}).get("error"):
        return one_line(f"comet:   no archive ({error}); to write it again and send it: {send}")
    archive = archive_of(record, file.parent)
    address = None if archive is None else address_of(archive)
    if address is not None and file.parent != directory:
        # A sweep has many experiments, so show the address of their project.
        address = address.rpartition("/")[0]
    where = f" to {address}" if address else ""
    if any(process.poll() is None for process in _in_background):
        return f"comet:   being sent{where}; progress: {shown / LOG_NAME}"
    if all(map(is_sent, find_archives([directory]))):
        return f"comet:   sent{where}"
    return f"comet:   not sent; see {shown / LOG_NAME}; to try again: {send}"


def describe_addition(record: RunRecord, folder: Path) -> str:
    """Says in a line what happens to something that was added to an experiment; record: of its run."""
    from musicgen.tracking.config import tracker_config

    if why := _why_offline(record, tracker_config(record.config)):
        return f"comet:   kept in {folder} ({why}); to send it: musicgen upload {shlex.quote(str(folder))}"
    return f"comet:   being sent; progress: {folder / LOG_NAME}"


def _why_offline(record: RunRecord, config: "TrackerConfig") -> str:
    """What keeps a run from being sent, in the user's terms; "" if nothing does."""
    from musicgen.tracking.comet_settings import NO_KEY, why_offline

    why = why_offline(config)
    if config.mode == "offline":
        words = shlex.split(record.command)
        causes = [word for word in words if word.startswith("tracker") or word.endswith("=smoke")]
        return " ".join(causes) or "tracker.mode=offline"
    return f"{why}: set COMET_API_KEY, or run `comet login`" if why == NO_KEY else why or ""


def _mode(config: "TrackerConfig") -> "Mode":
    from musicgen.tracking.comet_settings import mode

    # Comet's settings take a second to read.
    return mode(config) if config.uses_comet else "offline"


def follow_in_background(directory: Path, config: "TrackerConfig", *, locks: bool = True) -> None:
    """Start a detached process that shows the runs of this command on Comet while they train, if it should.

    directory: of the run or the sweep, or the folder in which it will be. `upload_in_background` ends it.
    """
    if directory not in _followers and _mode(config) == "live":
        _followers[directory] = _start(directory, config, "--follow", locks=locks)


def upload_in_background(
    directory: Path, config: "TrackerConfig", *, locks: bool = True
) -> subprocess.Popen[bytes] | None:
    """Have a detached process send the archives of a directory, if config and key allow it.

    Its output goes to upload.log; the outcome of each archive goes to uploads.json and run.json.
    """
    if _mode(config) == "offline":
        return None
    follower = _followers.pop(directory, None)
    if follower is not None and follower.stdin is not None:
        follower.stdin.close()
        if follower.poll() is None:
            return follower
    return _start(directory, config, locks=locks)


def _start(
    directory: Path, config: "TrackerConfig", *options: str, locks: bool
) -> subprocess.Popen[bytes] | None:
    command = [sys.executable, "-m", "musicgen.upload", str(directory), "--background", *options]
    command += ["--timeout", str(config.upload_timeout_seconds), *([] if locks else ["--no-locks"])]
    try:
        refuse_link(directory / LOG_NAME)
        with (directory / LOG_NAME).open("a", encoding="utf-8") as output:
            # The process sees the end of its standard input when this one ends, whatever ended it.
            given = subprocess.PIPE if options else subprocess.DEVNULL
            process = subprocess.Popen(
                command, stdin=given, stdout=output, stderr=output, start_new_session=True
            )
    except (OSError, InputError) as error:
        log.warning(
            "nothing is sent to Comet (%s); send it later: python -m musicgen.upload %s", error, directory
        )
        return None
    # Python warns of a process that still runs when its Popen is deleted.
    _in_background.append(process)
    return process


def follow(directory: Path) -> None:
    """Show the runs that begin in the directory on Comet while they train, until standard input ends."""
    from musicgen.run.live import Follower

    has_ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), has_ended.set()), daemon=True).start()
    Follower(directory, has_ended).follow()


def send_archives(paths: Sequence[Path], timeout_seconds: float, *, locks: bool = True) -> int:
    """Send every archive below the paths that Comet does not have, and print a line for each.

    Returns the exit status: 1 if an archive was not sent. Raises InputError if there is nothing to send, or
    no key to send it with.
    """
    from musicgen.tracking.comet_settings import has_key
    from musicgen.tracking.outbox import find_archives, in_order, is_empty, is_sent, send_all

    found = {archive.resolve(): archive for archive in find_archives(paths)}
    owners, problems = _archives_of_runs(paths, locks=locks)
    found |= {archive.resolve(): archive for archive in owners if not is_empty(archive)}
    archives = sorted(found.values(), key=in_order)
    if not archives and not problems:
        raise InputError(f"{paths[0]}: no Comet archive in this folder or below")
    if not all(map(is_sent, archives)) and not has_key():
        raise InputError("Comet has no key: set COMET_API_KEY, or run `comet login`")
    counts = dict.fromkeys(("sent", "sent before", "not sent", "not tried"), 0)
    for done in send_all(archives, timeout_seconds, _print_at_once, locks=locks):
        counts[done.state] += 1
        if done.state in ("sent", "not sent"):
            _print_at_once(_line_of(done))
        try:
            _record(done, owners.get(done.archive))
        except InputError as error:
            problems.append(str(error))
    for problem in problems:
        complain(problem)
    print(", ".join(f"{number} {state}" for state, number in counts.items()))
    return 1 if counts["not sent"] or counts["not tried"] or problems else 0


def _line_of(done: "Upload") -> str:
    return one_line(f"{done.state}: {done.archive}: {done.error or done.url}")


def _print_at_once(line: str) -> None:
    print(line, flush=True)


def _lacks_archive(record: RunRecord, directory: Path) -> bool:
    """Whether a run that has ended should have an archive, but has none here or on Comet."""
    tracker = record.comet
    if tracker is None or "url" in tracker or record.status == "running":
        return False
    archive = archive_of(record, directory)
    return archive is None or not archive.exists()


def archive_of(record: RunRecord, directory: Path) -> Path | None:
    """The archive that the record names; None if it names none. Raises InputError for one elsewhere."""
    from musicgen.tracking.comet_settings import recorded_archive

    return recorded_archive((record.comet or {}).get("archive"), directory)


def _archives_of_runs(paths: Sequence[Path], *, locks: bool) -> tuple[dict[Path, Path], list[str]]:
    """The archive of each run and the run's directory, and what went wrong.

    Archives that runs could not write when they ended are written.
    """
    # Imported late: only runs without an archive need what writes one.
    from musicgen.run.experiment import write_archive

    owners, problems = {}, []
    for file in sorted(file for path in paths for file in records_below(path)):
        directory = file.parent
        try:
            record = RunRecord.read(directory)
            if _lacks_archive(record, directory):
                is_missing = partial(_lacks_archive, directory=directory)
                record = write_archive(directory, is_missing, _print_at_once, locks=locks)
            archive = archive_of(record, directory)
            if archive is not None and archive.exists():
                owners[archive] = directory
            elif record.comet is not None and "url" not in record.comet and record.status != "running":
                problems.append(f"{directory}: nothing to send: {record.comet.get('error')}")
        except (InputError, OSError) as error:
            problems.append(str(error))
    return owners, problems


def _record(done: "Upload", directory: Path | None) -> None:
    """Note the outcome of an archive in the record of its run, if it has one; raises InputError."""
    if directory is None:
        return
    record = RunRecord.read(directory)
    archive = (record.comet or {}).get("archive")
    if archive_of(record, directory) != done.archive:
        return
    outcome = {"archive": archive, **({"error": done.error} if done.error else {"url": done.url})}
    if outcome != record.comet:
        record.set_comet(outcome)
        record.write(directory)
