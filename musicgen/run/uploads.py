"""Sending the archives of runs, sweeps, notes and ratings to Comet."""

import logging
import shlex
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.errors import InputError, one_line
from musicgen.records.record import FILE_NAME, RunRecord
from musicgen.records.runs import FoundRun, records_below, sweep_directory
from musicgen.system.commands import complain
from musicgen.system.files import refuse_link
from musicgen.system.locks import locked

if TYPE_CHECKING:
    from musicgen.records.findings import Finding
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
    archives = find_archives([directory])
    address = next(filter(None, map(address_of, archives)), None)
    if address is not None and file.parent != directory:
        # Of the project, since a sweep has many experiments.
        address = address.rpartition("/")[0]
    where = f" to {address}" if address else ""
    if archives and all(map(is_sent, archives)):
        return f"comet:   sent{where}"
    if all(process.poll() is not None for process in _in_background):
        return f"comet:   not sent; see {shown / LOG_NAME}; to try again: {send}"
    return f"comet:   being sent{where}; progress: {shown / LOG_NAME}"


def _why_offline(record: RunRecord, config: "TrackerConfig") -> str:
    """What keeps a run from being sent, in the user's terms; "" if nothing does."""
    if config.mode == "offline":
        words = shlex.split(record.command)
        causes = [word for word in words if word.startswith("tracker") or word.endswith("=smoke")]
        return " ".join(causes) or "tracker.mode=offline"
    if mode_of(config) == "offline":
        return "Comet has no key: set COMET_API_KEY, or run `comet login`"
    return ""


def mode_of(config: "TrackerConfig") -> "Mode":
    """When Comet gets the runs of a config: offline also without a key, and if Comet is not used."""
    from musicgen.tracking.comet import has_key

    if not config.uses_comet or config.mode == "offline" or not has_key():
        return "offline"
    return config.mode or "live"


def follow_in_background(directory: Path, config: "TrackerConfig", *, locks: bool = True) -> None:
    """Start a detached process that shows the runs of this command on Comet while they train, if it should.

    directory: of the run or the sweep, or the folder in which it will be. `upload_in_background` ends it.
    """
    if directory not in _followers and mode_of(config) == "live":
        _followers[directory] = _start(directory, config, "--follow", locks=locks)


def upload_in_background(
    directory: Path, config: "TrackerConfig", *, locks: bool = True
) -> subprocess.Popen[bytes] | None:
    """Have a detached process send the archives of a directory, if config and key allow it.

    Its output goes to upload.log; the outcome of each archive goes to uploads.json and run.json.
    """
    if mode_of(config) == "offline":
        return None
    follower = _followers.pop(directory, None)
    if follower is not None and follower.poll() is None:
        assert follower.stdin is not None
        follower.stdin.close()
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
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
            )
    except (OSError, InputError) as error:
        log.warning(
            "nothing is sent to Comet (%s); send it later: python -m musicgen.upload %s", error, directory
        )
        return None
    # Python warns of a process that still runs when its Popen is deleted.
    _in_background.append(process)
    return process


def follow(directory: Path, timeout_seconds: float, *, locks: bool = True) -> None:
    """Show the runs that begin in the directory on Comet while they train, until standard input ends."""
    from musicgen.run.live import Follower
    from musicgen.tracking.outbox import send_all

    def send(archive: Path) -> None:
        for done in send_all([archive], timeout_seconds, _print_at_once, locks=locks):
            _print_at_once(_line_of(done))
            _record(done)

    has_ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), has_ended.set()), daemon=True).start()
    Follower(directory, has_ended, send).follow()


def send_archives(paths: Sequence[Path], timeout_seconds: float, *, locks: bool = True) -> int:
    """Send every archive below the paths that Comet does not have, and print a line for each.

    Returns the exit status: 1 if an archive was not sent. Raises InputError if there is nothing to send, or
    no key to send it with.
    """
    from musicgen.tracking.comet import has_key
    from musicgen.tracking.outbox import find_archives, in_order, is_sent, send_all

    archives = find_archives(paths)
    rewritten, problems = _write_missing(paths, locks=locks)
    archives = sorted({*archives, *rewritten}, key=in_order)
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
            _record(done)
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
    """The archive that the record names, if it is in the run's own folder of archives; else None."""
    from musicgen.tracking.outbox import FOLDER

    folder, _, name = str((record.comet or {}).get("archive")).partition("/")
    is_own = folder == FOLDER and name not in ("", ".", "..") and Path(name).name == name
    return directory / FOLDER / name if is_own else None


def _write_missing(paths: Sequence[Path], *, locks: bool) -> tuple[list[Path], list[str]]:
    """Write the archives that runs could not write when they ended; returns them and what went wrong."""
    from musicgen.tracking.outbox import FOLDER

    written, problems = [], []
    for file in sorted(file for path in paths for file in records_below(path)):
        directory = file.parent
        try:
            if not _lacks_archive(RunRecord.read(directory), directory):
                continue
            from musicgen.run.experiment import write_again

            refuse_link(directory / FOLDER)
            (directory / FOLDER).mkdir(exist_ok=True)
            with locked(directory / FOLDER / ".lock", _print_at_once, locks=locks):
                record = RunRecord.read(directory)
                if _lacks_archive(record, directory):
                    record.set_comet(write_again(record, directory))
                    record.write(directory)
        except (InputError, OSError) as error:
            problems.append(str(error))
            continue
        archive = archive_of(record, directory)
        if archive is not None:
            written.append(archive)
        else:
            problems.append(f"{directory}: nothing to send: {(record.comet or {}).get('error')}")
    return written, problems


def _record(done: "Upload") -> None:
    """Note the outcome of an archive in its run's record; raises InputError."""
    directory = done.archive.parent.parent
    if not (directory / FILE_NAME).is_file():
        return
    record = RunRecord.read(directory)
    archive = f"{done.archive.parent.name}/{done.archive.name}"
    if (record.comet or {}).get("archive") != archive:
        return
    outcome = {"archive": archive, **({"error": done.error} if done.error else {"url": done.url})}
    if outcome != record.comet:
        record.set_comet(outcome)
        record.write(directory)


def track_finding(record: RunRecord, directory: Path, finding: "Finding") -> None:
    """Add the finding to the run's Comet experiment, if it has one."""
    archive = (record.comet or {}).get("archive")
    if not isinstance(archive, str):
        return
    from musicgen.tracking.archive import experiment_key
    from musicgen.tracking.config import tracker_config
    from musicgen.tracking.trackers import comet_alone

    config = tracker_config(record.config)
    refuse_link(directory / "comet")
    tracker = comet_alone(config, directory / "comet", continues=experiment_key(Path(archive)))
    tracker.log_metrics(
        {f"finding/{criterion}": float(point) for criterion, point in finding.ratings.items()}
    )
    fields = {name: value for name, value in asdict(finding).items() if name not in ("text", "ratings")}
    tracker.log_text(finding.text, fields)
    # A failure of Comet is only a warning, because the finding is in the log.
    tracker.end()
    upload_in_background(directory, config, locks=record.has_locks)


def track_ratings(run: FoundRun, folder: Path, means: Mapping[str, float], tables: Sequence[Path]) -> None:
    """Add a listening session's means and tables to the Comet experiment of the run's sweep.

    If the sweep has no experiment, the session gets its own. Archives are written to folder/comet.
    """
    from musicgen.tracking.archive import experiment_key
    from musicgen.tracking.config import tracker_config
    from musicgen.tracking.trackers import comet_alone

    config = tracker_config(run.record.config)
    if not config.uses_comet:
        return
    sweep = next(iter(sorted((sweep_directory(run) / "comet").glob("*.zip"))), None)
    name = f"listening {folder.resolve().name}" if sweep is None else None
    continues = None if sweep is None else experiment_key(sweep)
    tracker = comet_alone(config, folder / "comet", name, ["listening"], continues=continues)
    tracker.log_metrics(means)
    for path in tables:
        tracker.log_file(path)
    tracker.end()
    upload_in_background(folder, config, locks=run.record.has_locks)


def track_page(directory: Path, html: str) -> None:
    """Show a page in the experiment of a run or a sweep, if Comet has that experiment.

    Of a study in two stages this is the second one, which makes the claims.
    """
    from musicgen.records.destination import CONFIRMATION
    from musicgen.tracking.archive import experiment_key, is_addition
    from musicgen.tracking.config import tracker_config
    from musicgen.tracking.outbox import FOLDER, is_sent
    from musicgen.tracking.trackers import comet_alone

    folder = next(filter(Path.is_dir, (directory / CONFIRMATION / FOLDER, directory / FOLDER)), None)
    first = next(records_below(directory), None)
    if folder is None or first is None:
        return
    record = RunRecord.read(first.parent)
    config = tracker_config(record.config)
    archives = [path for path in folder.glob("*.zip") if not is_addition(path) and is_sent(path)]
    if not archives or not config.uses_comet:
        return
    refuse_link(folder)
    # The last one, if the same sweep was finished several times.
    newest = max(archives, key=lambda path: path.stat().st_mtime)
    tracker = comet_alone(config, folder, continues=experiment_key(newest))
    tracker.log_page(html)
    tracker.end()
    upload_in_background(folder.parent, config, locks=record.has_locks)
