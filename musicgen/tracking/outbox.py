"""Archives that wait for Comet, and what became of each.

Beside the archives of a folder lies uploads.json, which holds of each that was tried "url" and "sent_at", or
"error" and "failed_at". An archive is noted before its upload begins, so that one that was cut off is known
as such. One process at a time sends out of a folder; an archive that Comet has is not sent again.
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
from musicgen.tracking.sender import Answer

log = logging.getLogger(__name__)

FOLDER = "comet"
"""Name of every folder with archives, in the directory of what they tell of."""
FAILURES_IN_A_ROW = 2
"""After so many the rest is left for later: a network that is gone fails for every archive."""
_NOTES = "uploads.json"
MAX_NOTES_BYTES = 2**26
_CUT_OFF = "the upload was cut off"


@dataclass(frozen=True, slots=True)
class Upload:
    """An archive and what became of it."""

    archive: Path
    state: Literal["sent", "sent before", "not sent", "not tried"]
    url: str | None = None
    """Of the experiment, where it was sent and Comet told it."""
    error: str | None = None
    """Why Comet does not have it; None where it does."""


def find_archives(paths: Sequence[Path]) -> list[Path]:
    """Every archive in folders of Comet at or below the paths, experiments before additions.

    Those that Comet made for runs that have not ended are empty and left out, as are links. Raises
    InputError for a path that does not exist.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.is_dir():
            raise InputError(f"{path}: no such folder; a run or sweep directory is needed, or a folder above")
        for directory, folders, files in os.walk(path):
            folder = Path(directory)
            if folder.name == FOLDER:
                folders.clear()
                archives = [folder / name for name in files if name.endswith(".zip")]
                archives = [archive for archive in archives if not archive.is_symlink()]
                found |= {archive.resolve(): archive for archive in archives if not is_empty(archive)}
    return sorted(found.values(), key=in_order)


def in_order(archive: Path) -> tuple[bool, Path]:
    """What archives are sorted by before they are sent: experiments, then additions to them."""
    return is_addition(archive), archive


def send_all(
    archives: Sequence[Path],
    timeout_seconds: float,
    on_wait: Callable[[str], None] = log.warning,
    *,
    locks: bool = True,
) -> Iterator[Upload]:
    """Send what Comet does not have, in this order, and tell of each; timeout_seconds is for each.

    An addition whose experiment did not get through stays, and so does everything after the key was refused
    or FAILURES_IN_A_ROW uploads failed. Raises InputError like `locks.locked`.
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
                # Only this one cannot be sent: no reason to give up.
                upload = Upload(archive, "not sent", error=f"the archive {damage}")
            elif upload is None:
                upload, is_about_key = _send(archive, timeout_seconds)
                failures = failures + 1 if upload.error else 0
        if upload.error and not is_addition(archive):
            missing.add(key)
        if is_about_key:
            given_up = upload.error
        elif failures == FAILURES_IN_A_ROW:
            given_up = f"not tried after {failures} failures in a row"
        yield upload


def _send(archive: Path, timeout_seconds: float) -> tuple[Upload, bool]:
    """What became of it, and whether that is for its key."""
    again = archive.name in _read(archive.parent)
    _note(Upload(archive, "not sent", error=_CUT_OFF))
    command = [
        sys.executable,
        "-m",
        "musicgen.tracking.sender",
        str(archive),
        *(["--again"] if again else []),
    ]
    # Comet unpacks the archive into a temporary folder, which it leaves there when it is killed.
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
            answer = _answer(done)
        except subprocess.TimeoutExpired:
            answer = Answer(error=f"no answer within {timeout_seconds:g} s")
    upload = Upload(archive, "not sent" if answer.error else "sent", answer.url, answer.error)
    _note(upload)
    return upload, answer.is_about_key


def _answer(done: subprocess.CompletedProcess[str]) -> Answer:
    answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode == 0 and answers:
        return Answer(**json.loads(answers[-1]))
    last_words = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return Answer(error=f"the process that sends ended with status {done.returncode}: {last_words}")


def is_sent(archive: Path) -> bool:
    """Whether Comet has it, as far as is known here."""
    return _known(archive) is not None


def _known(archive: Path) -> Upload | None:
    """What became of it, where Comet has it."""
    entry = _read(archive.parent).get(archive.name)
    return Upload(archive, "sent before", entry.get("url")) if entry and "sent_at" in entry else None


def _note(upload: Upload) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"error": upload.error, "failed_at": now} if upload.error else {"url": upload.url, "sent_at": now}
    entries = _read(upload.archive.parent) | {upload.archive.name: entry}
    path = upload.archive.parent / _NOTES
    write_text_atomically(path, json.dumps(entries, indent=2) + "\n")


def _read(folder: Path) -> dict[str, dict[str, str | None]]:
    # pydantic takes a moment to import, which a run without archives should not wait for.
    from pydantic import TypeAdapter, ValidationError

    path = folder / _NOTES
    try:
        content = read_whole(path, MAX_NOTES_BYTES, follows_links=False)
        return TypeAdapter(dict[str, dict[str, str | None]]).validate_json(content, strict=True)
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise InputError(
            f"{path}: cannot be read; without it every archive is sent again: {first_problem(error)}"
        ) from error
