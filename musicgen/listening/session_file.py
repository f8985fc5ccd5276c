"""The file of a listening session: its tables, its beginning, and connections to it.

SQLite in write-ahead mode with a synchronised disk for every commit: a confirmed answer survives any crash,
and listeners do not wait for each other.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from musicgen.errors import InputError
from musicgen.listening.session import Item, Settings
from musicgen.listening.stimuli import Sample
from musicgen.system.files import replace_atomically
from musicgen.system.locks import lock_beside, locked

VERSION = 1
_TIMEOUT_SECONDS = 20.0
_SCHEMA = """
CREATE TABLE session (
    version INTEGER NOT NULL, settings TEXT NOT NULL, remarks TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT;
CREATE TABLE stimulus (
    stimulus_id TEXT PRIMARY KEY, arm TEXT NOT NULL, run_id TEXT NOT NULL, seed INTEGER, tune_index INTEGER,
    anchor TEXT NOT NULL, abc TEXT NOT NULL
) STRICT;
CREATE TABLE sample (
    arm TEXT PRIMARY KEY, num_tunes INTEGER NOT NULL, num_invalid INTEGER NOT NULL,
    num_without_notes INTEGER NOT NULL
) STRICT;
CREATE TABLE item (
    item_id TEXT NOT NULL, place INTEGER NOT NULL, stimulus_id TEXT NOT NULL REFERENCES stimulus,
    PRIMARY KEY (item_id, place)
) STRICT;
CREATE TABLE listener (
    listener_id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, number INTEGER NOT NULL UNIQUE,
    began_at TEXT NOT NULL, ended_at TEXT
) STRICT;
CREATE TABLE trial (
    trial_id TEXT PRIMARY KEY, listener_id TEXT NOT NULL REFERENCES listener, position INTEGER NOT NULL,
    item_id TEXT NOT NULL, heard TEXT NOT NULL, is_repeat INTEGER NOT NULL, UNIQUE (listener_id, position)
) STRICT;
CREATE TABLE sound (
    sound_id TEXT PRIMARY KEY, trial_id TEXT NOT NULL REFERENCES trial, place INTEGER NOT NULL,
    stimulus_id TEXT NOT NULL REFERENCES stimulus
) STRICT;
CREATE TABLE answer (
    trial_id TEXT NOT NULL REFERENCES trial, question TEXT NOT NULL, value INTEGER NOT NULL,
    answered_at TEXT NOT NULL, PRIMARY KEY (trial_id, question)
) STRICT;
"""


def create_file(
    path: Path,
    settings: Settings,
    items: Sequence[Item],
    remarks: Sequence[str],
    samples: Sequence[Sample] = (),
    *,
    locks: bool,
) -> None:
    """Write a new session atomically.

    Raises InputError if the file cannot be written, or if another process has just written one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(lock_beside(path), locks=locks):
        if path.exists():
            raise InputError(
                f"{path}: another process has just started it; run the same command again to resume it"
            )
        try:
            with (
                replace_atomically(path) as unfinished,
                closing(sqlite3.connect(unfinished)) as connection,
                connection,
            ):
                _fill(connection, settings, items, remarks, samples)
        except sqlite3.Error as error:
            raise InputError(f"{path}: cannot be written: {error}") from error


def _fill(
    connection: sqlite3.Connection,
    settings: Settings,
    items: Sequence[Item],
    remarks: Sequence[str],
    samples: Sequence[Sample],
) -> None:
    connection.executescript(_SCHEMA)
    connection.execute(
        "INSERT INTO session VALUES (?, ?, ?, ?)",
        (VERSION, json.dumps(asdict(settings)), json.dumps(list(remarks)), now()),
    )
    for sample in samples:
        connection.execute("INSERT INTO sample VALUES (?, ?, ?, ?)", tuple(asdict(sample).values()))
    for item in items:
        for place, stimulus in enumerate(item.stimuli):
            connection.execute(
                "INSERT INTO stimulus VALUES (?, ?, ?, ?, ?, ?, ?)", tuple(asdict(stimulus).values())
            )
            connection.execute(
                "INSERT INTO item VALUES (?, ?, ?)", (item.item_id, place, stimulus.stimulus_id)
            )


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the file, in a transaction, which is committed if the block succeeds.

    Raises InputError if the file is not a database, is damaged or cannot be written.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is not a file")
    uri = f"{path.resolve().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_TIMEOUT_SECONDS)) as connection:
            # Views and triggers in the file must not call functions with side effects.
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            with connection:
                yield connection
    except sqlite3.Error as error:
        raise InputError(f"{path}: is not a listening session or cannot be used: {error}") from error


def now() -> str:
    """The time of a row, in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
