"""An archive of Comet on the disk: what its name and its content say without Comet."""

import json
import re
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path

from musicgen.errors import InputError

EXPERIMENT, MESSAGES = "experiment.json", "messages.json"
MAX_MEMBERS = 100_000
MAX_UNPACKED_BYTES = 2**33
MAX_RATIO, FREE_BYTES = 50, 2**26
"""An archive may unpack to so many times its size, and so many bytes more; text shrinks to a tenth."""
MAX_TEXT_BYTES = 2**28
SHOWN = 80
"""Characters of a foreign name in a message."""
_MEMBER = re.compile(r"(?!\.{1,2}$)[\w.,=+ -]{1,200}")
_MESSAGE_TYPES = frozenset(
    {
        *("cloud_details", "file_name", "file_upload", "git_metadata", "gpu_static_info", "graph", "html"),
        *("htmlOverride", "installed_packages", "log_dependency", "log_other", "metric_msg", "os_packages"),
        *("parameter_msg", "standard_output", "system_details", "system_info", "ws_msg"),
    }
)
"""Comet's, without those about models and files elsewhere: only file_upload makes its sender read a file."""


def experiment_key(archive: Path) -> str:
    """The key under which the experiment of an archive is, or will be, on Comet."""
    return archive.stem.partition("-")[0]


def is_addition(archive: Path) -> bool:
    """Whether it continues an experiment, which Comet has to have before."""
    return "-" in archive.stem


def is_empty(archive: Path) -> bool:
    """Whether nothing is in it: Comet makes it when a run starts and fills it when the run ends."""
    try:
        with zipfile.ZipFile(archive) as content:
            return not content.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return False


def problem_of(archive: Path) -> str | None:
    """Why it cannot be sent, as the end of a sentence; None where it can.

    It may come from somebody else. Comet's sender unpacks all of it, sends every file that a message names,
    wherever that is, and removes it then: so it may name nothing but what is in the archive.
    """
    if archive.is_symlink():
        return "is a link, which is not followed"
    try:
        with zipfile.ZipFile(archive) as content:
            _check_members(content.infolist(), archive.stat().st_size)
            damaged = content.testzip()
            if damaged is not None:
                return f"is not whole: {damaged} is damaged"
            experiment = json.loads(_read(content, EXPERIMENT))
            if not isinstance(experiment, dict):
                raise ValueError(f"{EXPERIMENT} is no mapping")
            lacking = experiment.get("customer_error_message")
            _check_messages(content)
    except InputError as error:
        return str(error)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, RuntimeError, NotImplementedError) as error:
        # RuntimeError: encrypted, or nested too deep. NotImplementedError: an unknown compression.
        return f"is not whole: {' '.join(str(error).split())}"
    return f"lacks something: {' '.join(str(lacking).split())}" if lacking else None


def _check_members(members: Sequence[zipfile.ZipInfo], archive_bytes: int) -> None:
    """Raise InputError unless all are files side by side, of a size that can be unpacked."""
    if len(members) > MAX_MEMBERS:
        raise InputError(f"holds {len(members):,} files; {MAX_MEMBERS:,} are allowed")
    for member in members:
        if not _MEMBER.fullmatch(member.filename):
            raise InputError(f"names a file outside of it: {member.filename[:SHOWN]!r}")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise InputError(f"holds something that is no file: {member.filename[:SHOWN]!r}")
    if len({member.filename for member in members}) < len(members):
        raise InputError("holds two files of one name")
    unpacked = sum(member.file_size for member in members)
    if unpacked > min(MAX_UNPACKED_BYTES, FREE_BYTES + MAX_RATIO * archive_bytes):
        raise InputError(f"would unpack to {unpacked / 2**20:,.0f} MiB")


def _check_messages(content: zipfile.ZipFile) -> None:
    """Raise InputError for a message that is none of ours, or names a file that is not in the archive."""
    files = set(content.namelist()) - {EXPERIMENT, MESSAGES}
    for number, line in enumerate(_read(content, MESSAGES).splitlines(), start=1):
        message = json.loads(line)
        # As texts: a list is in no set, and raises.
        if not isinstance(message, dict) or str(message.get("type")) not in _MESSAGE_TYPES:
            raise InputError(f"holds a message of a kind that this program does not write, in line {number}")
        payload = message.get("payload")
        if not isinstance(payload, dict):
            raise InputError(f"holds a message without content, in line {number}")
        if message["type"] == "file_upload" and str(payload.get("file_path")) not in files:
            named = str(payload.get("file_path"))[:SHOWN]
            raise InputError(f"names a file that is not in it, in line {number}: {named!r}")


def _read(content: zipfile.ZipFile, name: str) -> bytes:
    if content.getinfo(name).file_size > MAX_TEXT_BYTES:
        raise InputError(f"holds more than {MAX_TEXT_BYTES / 2**20:,.0f} MiB in {name}")
    return content.read(name)
