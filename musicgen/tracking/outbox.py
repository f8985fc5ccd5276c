"""Sending archives to Comet, and remembering the outcome of each.

uploads.json, next to the archives of a folder, holds "url" and "sent_at", or "error" and "failed_at", for
every archive that was tried. The entry is written before anything is sent, so that an interruption is known:
only then may Comet have the experiment already.
One process at a time sends from a folder, and an archive that Comet has is not sent again.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from musicgen.errors import InputError, first_problem
from musicgen.system.files import read_whole, write_text_atomically
from musicgen.system.locks import locked
from musicgen.tracking.archive import experiment_key, is_addition, is_empty, problem_of
from musicgen.tracking.comet_settings import FOLDER, is_own_folder
from musicgen.tracking.sender import SendResult

log = logging.getLogger(__name__)

MAX_FAILURES_IN_A_ROW = 2
"""Then the rest is left for later: without a network every archive fails."""
_NOTES = "uploads.json"
MAX_NOTES_BYTES = 2**26
_INTERRUPTED = "the upload was interrupted"


@dataclass(frozen=True, slots=True)
class Upload:
    """An archive and the outcome of sending it."""

    archive: Path
    state: Literal["sent", "sent before", "not sent", "not tried"]
    url: str | None = None
    """The experiment's address, if the archive was sent and Comet returned one."""
    error: str | None = None
    """Why Comet does not have it; None if it does."""


def find_archives(paths: Sequence[Path]) -> list[Path]:
    """Every archive at or below the paths, experiments before additions.

    Links are left out, and so are empty archives, which belong to running runs. Raises InputError for a path
    that does not exist.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.is_dir():
            raise InputError(f"{path}: no such folder; name a run or sweep directory, or a folder above it")
        own = path if is_own_folder(path) else None
        for directory, folders, files in os.walk(path):
            folder = Path(directory)
            if folder.name == FOLDER or folder == own:
                folders.clear()
                archives = [folder / name for name in files if name.endswith(".zip")]
                archives = [archive for archive in archives if not archive.is_symlink()]
                found |= {archive.resolve(): archive for archive in archives if not is_empty(archive)}
    return sorted(found.values(), key=in_order)


def in_order(archive: Path) -> tuple[bool, Path]:
    """Sort key: experiments first, then additions to them."""
    return is_addition(archive), archive


def send_all(
    archives: Sequence[Path],
    timeout_seconds: float,
    on_wait: Callable[[str], None] = log.warning,
    *,
    locks: bool = True,
) -> Iterator[Upload]:
    """Send the archives that Comet does not have, in this order, and yield the outcome of each.

    Not tried: additions whose experiment was not sent, and everything after Comet has refused the key or
    MAX_FAILURES_IN_A_ROW uploads have failed. The timeout is per archive. Raises InputError like
    `locks.locked`.
    """
    failures, given_up, missing = 0, None, set[str]()
    for archive in archives:
        with locked(archive.parent / ".lock", on_wait, locks=locks):
            upload, is_about_key = _known(archive), False
            key = experiment_key(archive)
            if upload is None and given_up is not None:
                upload = Upload(archive, "not tried", error=given_up)
            elif upload is None and is_addition(archive) and key in missing:
                upload = Upload(archive, "not tried", error="its experiment was not sent")
            elif upload is None and (damage := problem_of(archive)):
                # Only this archive is affected, so try the others.
                upload = Upload(archive, "not sent", error=f"the archive {damage}")
            elif upload is None:
                upload, is_about_key = _send(archive, timeout_seconds)
                failures = failures + 1 if upload.error else 0
        if upload.error and not is_addition(archive):
            missing.add(key)
        if is_about_key:
            given_up = upload.error
        elif failures == MAX_FAILURES_IN_A_ROW:
            given_up = f"not tried after {failures} failures in a row"
        yield upload


def _send(archive: Path, timeout_seconds: float) -> tuple[Upload, bool]:
    """The outcome, and whether it is due to the key."""
    again = archive.name in _read(archive.parent)
    _note(Upload(archive, "not sent", error=_INTERRUPTED))
    command = [
        sys.executable,
        "-m",
        "musicgen.tracking.sender",
        str(archive),
        *(["--again"] if again else []),
    ]
    # Comet unpacks the archive into a temporary folder, and leaves it behind when it is killed.
    with tempfile.TemporaryDirectory(prefix="musicgen-upload-") as temporary:
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                stdin=subprocess.DEVNULL,
                env=os.environ | {"TMPDIR": temporary},
            )
            answer = _result_of(done)
        except subprocess.TimeoutExpired:
            answer = SendResult(error=f"no answer within {timeout_seconds:g} s")
        except OSError as error:
            answer = SendResult(error=f"the sending process cannot be started: {error.strerror}")
    upload = Upload(archive, "not sent" if answer.error else "sent", answer.url, answer.error)
    _note(upload)
    return upload, answer.is_about_key


def _result_of(done: subprocess.CompletedProcess[str]) -> SendResult:
    answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode == 0 and answers:
        return SendResult(**json.loads(answers[-1]))
    last_line = (done.stderr.strip().splitlines() or ["no output"])[-1]
    return SendResult(error=f"the sending process ended with status {done.returncode}: {last_line}")


def is_sent(archive: Path) -> bool:
    """Whether Comet has it, according to uploads.json."""
    return _known(archive) is not None


def _known(archive: Path) -> Upload | None:
    entry = _read(archive.parent).get(archive.name)
    return Upload(archive, "sent before", entry.get("url")) if entry and "sent_at" in entry else None


def note_start(archive: Path, url: str | None = None, *, locks: bool = True) -> None:
    """Note that Comet is about to get the experiment of an archive, before it is closed."""
    with locked(archive.parent / ".lock", locks=locks):
        _note(Upload(archive, "not sent", url, _INTERRUPTED))


def address_of(archive: Path) -> str | None:
    """The address of its experiment, if Comet has told it."""
    return _read(archive.parent).get(archive.name, {}).get("url")


def _note(upload: Upload) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry: dict[str, str | None]
    if upload.error:
        entry = {"error": upload.error, "failed_at": now}
        if url := upload.url or address_of(upload.archive):
            entry["url"] = url
    else:
        entry = {"url": upload.url, "sent_at": now}
    entries = _read(upload.archive.parent) | {upload.archive.name: entry}
    path = upload.archive.parent / _NOTES
    write_text_atomically(path, json.dumps(entries, indent=2) + "\n")


def _read(folder: Path) -> dict[str, dict[str, str | None]]:
    # Import pydantic late: a run without archives should not wait for it.
    from pydantic import TypeAdapter, ValidationError

    path = folder / _NOTES
    try:
        content = read_whole(path, MAX_NOTES_BYTES, follows_links=False)
        return TypeAdapter(dict[str, dict[str, str | None]]).validate_json(content, strict=True)
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise InputError(
            f"{path}: cannot be read; if you remove it, every archive is sent again: {first_problem(error)}"
        ) from error
