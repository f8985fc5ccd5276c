"""Checks that files are intact, made with independent readers rather than the code that wrote them."""

import csv
import io
import json
import sqlite3
import wave
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import yaml
from PIL import Image

_NOT_RESULTS = (".lock", ".log", ".sqlite-wal", ".sqlite-shm", ".sqlite-journal")


def result_files(folder: Path) -> Iterator[Path]:
    """Every file under its final name, sorted, without locks, logs and unfinished files."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        is_hidden = any(part.startswith((".unfinished-", ".hydra")) for part in parts)
        if path.is_file() and not is_hidden and not path.name.endswith(_NOT_RESULTS):
            yield path


def damaged(folder: Path) -> list[str]:
    """Return a line for each damaged file in the folder; files deleted meanwhile do not count."""
    lines = []
    for path in result_files(folder):
        try:
            content = path.read_bytes()
            if check := _CHECKS.get(path.suffix):
                check(content)
        except FileNotFoundError:
            continue
        except Exception as error:
            lines.append(f"{path.relative_to(folder)}: {type(error).__name__}: {error}")
    return lines


def database_is_intact(path: Path) -> bool:
    """Whether SQLite finds the database and its journal consistent."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _check_lines(content: bytes) -> None:
    if content and not content.endswith(b"\n"):
        raise ValueError("the last line is cut off")


def _check_table(content: bytes) -> None:
    _check_lines(content)
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    if not rows or len({len(row) for row in rows}) > 1:
        raise ValueError("no rows, or rows of different lengths")


def _check_json_lines(content: bytes) -> None:
    _check_lines(content)
    for line in content.splitlines():
        json.loads(line)


def _check_zip(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        bad = archive.testzip()
    if bad is not None:
        raise ValueError(f"{bad} is damaged")


def _check_arrays(content: bytes) -> None:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for name in arrays:
            arrays[name]


def _check_wave(content: bytes) -> None:
    with wave.open(io.BytesIO(content)) as sound:
        expected = sound.getnframes() * sound.getnchannels() * sound.getsampwidth()
        if len(sound.readframes(sound.getnframes())) != expected or not expected:
            raise ValueError("shorter than its header says")


def _check_midi(content: bytes) -> None:
    if content[:4] != b"MThd":
        raise ValueError("not MIDI")
    place = 14
    while place < len(content):
        place += 8 + int.from_bytes(content[place + 4 : place + 8], "big")
    if place != len(content) or place == 14:
        raise ValueError("tracks are cut off")


def _check_picture(content: bytes) -> None:
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()


def _check_page(content: bytes) -> None:
    if not content.rstrip().endswith(b"</html>"):
        raise ValueError("the page is cut off")


def _check_yaml(content: bytes) -> None:
    if yaml.safe_load(content) is None:
        raise ValueError("empty")


_CHECKS: dict[str, Callable[[bytes], object]] = {
    ".json": json.loads,
    ".jsonl": _check_json_lines,
    ".csv": _check_table,
    ".abc": _check_lines,
    ".md": _check_lines,
    ".pt": _check_zip,
    ".zip": _check_zip,
    ".npz": _check_arrays,
    ".wav": _check_wave,
    ".mid": _check_midi,
    ".svg": ElementTree.fromstring,
    ".png": _check_picture,
    ".html": _check_page,
    ".yaml": _check_yaml,
}
