"""Which files are whole: each is read by what reads such files, without a word from whoever wrote it."""

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
    """Every file under its final name, in the order of their names; no locks, logs and halves of files."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        is_hidden = any(part.startswith((".unfinished-", ".hydra")) for part in parts)
        if path.is_file() and not is_hidden and not path.name.endswith(_NOT_RESULTS):
            yield path


def damaged(folder: Path) -> list[str]:
    """A line for each file below the folder that is not whole; files that go meanwhile are none."""
    lines = []
    for path in result_files(folder):
        try:
            _CHECKS.get(path.suffix, _nothing)(path.read_bytes())
        except FileNotFoundError:
            continue
        except Exception as error:
            lines.append(f"{path.relative_to(folder)}: {type(error).__name__}: {error}")
    return lines


def _nothing(_content: bytes) -> None:
    pass


def _lines_end(content: bytes) -> None:
    if content and not content.endswith(b"\n"):
        raise ValueError("the last line is cut off")


def _is_table(content: bytes) -> None:
    _lines_end(content)
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    if not rows or len({len(row) for row in rows}) > 1:
        raise ValueError("rows of several lengths, or none")


def _is_json(content: bytes) -> None:
    json.loads(content)


def _are_json_lines(content: bytes) -> None:
    _lines_end(content)
    for line in content.splitlines():
        json.loads(line)


def _is_zip(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        bad = archive.testzip()
    if bad is not None:
        raise ValueError(f"{bad} is damaged")


def _are_arrays(content: bytes) -> None:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for name in arrays:
            arrays[name]


def _is_wave(content: bytes) -> None:
    with wave.open(io.BytesIO(content)) as sound:
        wanted = sound.getnframes() * sound.getnchannels() * sound.getsampwidth()
        if len(sound.readframes(sound.getnframes())) != wanted or not wanted:
            raise ValueError("shorter than it says")


def _is_midi(content: bytes) -> None:
    if content[:4] != b"MThd":
        raise ValueError("no MIDI")
    place = 14
    while place < len(content):
        place += 8 + int.from_bytes(content[place + 4 : place + 8], "big")
    if place != len(content) or place == 14:
        raise ValueError("tracks are cut off")


def _is_drawing(content: bytes) -> None:
    ElementTree.fromstring(content)


def _is_picture(content: bytes) -> None:
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()


def _is_page(content: bytes) -> None:
    if not content.rstrip().endswith(b"</html>"):
        raise ValueError("the page is cut off")


def _is_yaml(content: bytes) -> None:
    if yaml.safe_load(content) is None:
        raise ValueError("empty")


def database_is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file and what lies beside it."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


_CHECKS: dict[str, Callable[[bytes], None]] = {
    ".json": _is_json,
    ".jsonl": _are_json_lines,
    ".csv": _is_table,
    ".abc": _lines_end,
    ".md": _lines_end,
    ".pt": _is_zip,
    ".zip": _is_zip,
    ".npz": _are_arrays,
    ".wav": _is_wave,
    ".mid": _is_midi,
    ".svg": _is_drawing,
    ".png": _is_picture,
    ".html": _is_page,
    ".yaml": _is_yaml,
}
