"""A Comet archive on the disk: what its name means, and whether it is safe to send."""

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
MAX_RATIO, EXTRA_BYTES = 50, 2**26
"""An archive may unpack to MAX_RATIO times its size plus EXTRA_BYTES; text shrinks to a tenth."""
MAX_TEXT_BYTES = 2**28
MAX_SHOWN_CHARS = 80
"""Length to which names from an archive are cut in messages."""
_MEMBER = re.compile(r"(?!\.{1,2}$)[\w.,=+ -]{1,200}")
_MESSAGE_TYPES = frozenset(
    {
        *("cloud_details", "file_name", "file_upload", "git_metadata", "gpu_static_info", "graph", "html"),
        *("htmlOverride", "installed_packages", "log_dependency", "log_other", "metric_msg", "os_packages"),
        *("parameter_msg", "standard_output", "system_details", "system_info", "ws_msg"),
    }
)
"""Comet's message types, without those about models and remote files. Only file_upload reads a file."""


def experiment_key(archive: Path) -> str:
    """The Comet key of an archive's experiment."""
    return archive.stem.partition("-")[0]


def is_addition(archive: Path) -> bool:
    """Whether it adds to an experiment, which Comet must already have."""
    return "-" in archive.stem


def is_empty(archive: Path) -> bool:
    """Whether it is empty: Comet creates it when a run starts and fills it when the run ends."""
    try:
        with zipfile.ZipFile(archive) as content:
            return not content.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return False


def problem_of(archive: Path) -> str | None:
    """Why it cannot be sent, as the end of a sentence; None if it can.

    It may come from somebody else. Comet's sender unpacks it, sends every file that a message names, wherever
    it is, and then removes it. So messages may only name files in the archive.
    """
    if archive.is_symlink():
        return "is a link"
    try:
        with zipfile.ZipFile(archive) as content:
            _check_members(content.infolist(), archive.stat().st_size)
            damaged = content.testzip()
            if damaged is not None:
                return f"is incomplete: {damaged} is damaged"
            experiment = json.loads(_read(content, EXPERIMENT))
            if not isinstance(experiment, dict):
                raise ValueError(f"{EXPERIMENT} is not a mapping")
            lacking = experiment.get("customer_error_message")
            _check_messages(content)
    except InputError as error:
        return str(error)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, RuntimeError, NotImplementedError) as error:
        # RuntimeError: encrypted, or nested too deeply. NotImplementedError: unknown compression.
        return f"is incomplete: {' '.join(str(error).split())}"
    return f"lacks a file: {' '.join(str(lacking).split())}" if lacking else None


def _check_members(members: Sequence[zipfile.ZipInfo], archive_bytes: int) -> None:
    """Raise InputError unless all are plain files of a reasonable size, without folders."""
    if len(members) > MAX_MEMBERS:
        raise InputError(f"has {len(members):,} files; at most {MAX_MEMBERS:,} are allowed")
    for member in members:
        if not _MEMBER.fullmatch(member.filename):
            raise InputError(f"names a file outside it: {member.filename[:MAX_SHOWN_CHARS]!r}")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise InputError(f"contains something other than a file: {member.filename[:MAX_SHOWN_CHARS]!r}")
    if len({member.filename for member in members}) < len(members):
        raise InputError("contains two files with the same name")
    unpacked = sum(member.file_size for member in members)
    if unpacked > min(MAX_UNPACKED_BYTES, EXTRA_BYTES + MAX_RATIO * archive_bytes):
        raise InputError(f"would unpack to {unpacked / 2**20:,.0f} MiB")


def _check_messages(content: zipfile.ZipFile) -> None:
    """Raise InputError for a message that this program does not write, or that names another file."""
    files = set(content.namelist()) - {EXPERIMENT, MESSAGES}
    for number, line in enumerate(_read(content, MESSAGES).splitlines(), start=1):
        message = json.loads(line)
        # str, because a list cannot be looked up in a set.
        if not isinstance(message, dict) or str(message.get("type")) not in _MESSAGE_TYPES:
            raise InputError(f"has a message that this program does not write, in line {number}")
        payload = message.get("payload")
        if not isinstance(payload, dict):
            raise InputError(f"has a message without content, in line {number}")
        if message["type"] == "file_upload" and str(payload.get("file_path")) not in files:
            named = str(payload.get("file_path"))[:MAX_SHOWN_CHARS]
            raise InputError(f"names a file that it does not contain, in line {number}: {named!r}")


def _read(content: zipfile.ZipFile, name: str) -> bytes:
    if content.getinfo(name).file_size > MAX_TEXT_BYTES:
        raise InputError(f"has more than {MAX_TEXT_BYTES / 2**20:,.0f} MiB in {name}")
    return content.read(name)
