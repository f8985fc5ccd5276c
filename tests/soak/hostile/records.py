"""Damaged and malicious files of a run: run.json, tables, findings, listening sessions."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from musicgen.listening.database import Database
from musicgen.listening.session import Item, Settings
from musicgen.listening.session_file import create_file
from musicgen.listening.stimuli import Stimulus, opaque_id

Change = Callable[[dict[str, Any]], object]


def setting(value: object, *names: str) -> Change:
    """A change that sets a nested field of the record."""

    def change(record: dict[str, Any]) -> None:
        for name in names[:-1]:
            record = record[name]
        record[names[-1]] = value

    return change


VALUES: Mapping[str, Change] = {
    "config is a list": setting([], "config"),
    "a config group is a string": setting("gru", "config", "model"),
    "sampling is a number": setting(3, "config", "sampling"),
    "a study's name is a path": setting({"name": "../../../x", "primary_metrics": []}, "config", "study"),
    "a study's metrics are a number": setting({"name": "x", "primary_metrics": 3}, "config", "study"),
    "metrics is a string": setting("good", "metrics"),
    "a metric is a string": setting("1.5", "metrics", "fit/validation_loss"),
    "a metric has 400 digits": setting(10**400, "metrics", "fit/validation_loss"),
    "a change has no level": setting({"parameter": "model.cell"}, "change"),
    "a reference has no spread": setting({"validity/bar_rate": {"mean": 1.0}}, "reference"),
    "the seed is a fraction": setting(0.5, "seed"),
    "the seed is negative": setting(-1, "seed"),
    "unknown status": setting("perfect", "status"),
    "future schema version": setting(99, "schema_version"),
    "unknown field": setting(1, "grade"),
    "negative time": setting(-1.0, "timing", "total_seconds"),
    "invalid start time": setting("yesterday", "machine", "started"),
    "unclosed quote in the command": setting("python 'x", "command"),
}
"""Valid JSON with one wrong value."""

TEXTS: Mapping[str, bytes] = {
    "empty": b"",
    "truncated": b'{"run_id": "a", "config": {"mod',
    "not UTF-8": b"\xff\xfe\x00{",
    "nested 100,000 deep": b"[" * 100_000,
    "a mapping nested 5,000 deep": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "half a surrogate pair": b'{"run_id": "\\ud800", "schema_version": 1}',
    "not a number": b'{"metrics": {"a": NaN}, "schema_version": 1}',
    "a list": b"[]",
    "a number of 5,000 digits": b'{"schema_version": ' + b"1" * 5000 + b"}",
}
"""Not a record at all."""


def changed(record: bytes, change: Change) -> bytes:
    """Apply a change to the text of a run.json."""
    content = json.loads(record)
    change(content)
    return json.dumps(content).encode()


_RATINGS = b"listener,tune_id,run_id,arm,seed,index,criterion,rating,is_repeat,anchor,position,rated_at\n"
_HISTORY = b"iteration,train_loss,validation_loss,learning_rate,tokens_per_second\n"
TABLES: Mapping[str, tuple[str, bytes]] = {
    "history.csv: not UTF-8": ("report", b"iteration,train_loss\n\xff\xfe\x00\n"),
    "history.csv: a word as a number": ("report", _HISTORY + b"10,low,1,1,1\n"),
    "history.csv: other columns": ("compare", b"a,b\n1,2\n"),
    "history.csv: rows of different lengths": ("compare", b"a,b\n1\n1,2,3\n"),
    "tunes.csv: not UTF-8": ("report", b"index,prompt\n\xff\xfe,\n"),
    "tunes.csv: truncated": ("report", b"index,prompt,temperature\n0,X:"),
    "tunes.csv: a cell of a megabyte": ("report", b"index,prompt\n0," + b"a" * 2**20 + b"\n"),
    "tunes.csv: of another run": ("report", b"index,prompt\n0,X:\n"),
    "ratings.csv: not UTF-8": ("compare", b"\xff\xfe\x00"),
    "ratings.csv: other columns": ("compare", b"a,b\n1,2\n"),
    "ratings.csv: a rating of 99": ("report", _RATINGS + b"a,b,c,d,0,0,musicality,99,False,,1,2026\n"),
    "listening.csv: other columns": ("report", b"a,b\n1,2\n"),
    "findings.jsonl: not JSON": ("compare", b"I heard it\n"),
    "findings.jsonl: deep nesting": ("report", b"[" * 100_000 + b"\n"),
    "findings.jsonl: wrong types": ("report", b'{"date": 3, "text": []}\n'),
    "multirun.yaml: deep nesting": ("report", b"[" * 20_000),
    "multirun.yaml: not UTF-8": ("report", b"\xff\xfe\x00"),
    "search.json: not UTF-8": ("report", b"\xff\xfe\x00"),
    "search.json: a list": ("report", b"[]"),
    "listening.sqlite: zeros": ("listen", b"\x00" * 5000),
    "listening.sqlite: empty": ("listen", b""),
}
"""File and fault -> command that reads the file, content."""


def write_session(path: Path) -> None:
    """Write a listening session of two tunes with one rating."""
    settings = Settings("ratings", 2, 0, ("musicality",), True, 1)
    abc = "X:1\nM:4/4\nL:1/8\nK:C\nCDEFGABc|]\n"
    items = [
        Item(opaque_id(), (Stimulus(opaque_id(), "baseline", "r", 0, index, "", abc),)) for index in range(2)
    ]
    create_file(path, settings, items, [], locks=True)
    database = Database(path)
    listener = database.enter("Ann")
    trial = database.trials(listener.listener_id)[0]
    database.answer(listener.listener_id, trial.trial_id, "musicality", 4)


def damage_session(path: Path, statement: str) -> None:
    """Change a listening session with SQL."""
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA foreign_keys = OFF; {statement}")
    connection.close()


SESSIONS: Mapping[str, str] = {
    "a sound outside its folder": "UPDATE stimulus SET stimulus_id = '../../../x' WHERE rowid = 1",
    "invalid settings": "UPDATE session SET settings = '{\"mode\": 3}'",
    "deeply nested settings": f"UPDATE session SET settings = '{'[' * 5000}'",
    "another version": "UPDATE session SET version = 99",
    "no settings": "DELETE FROM session",
    "a missing tune": "DELETE FROM stimulus WHERE rowid = 1",
    "no answer table": "DROP TABLE answer",
    "more invalid tunes than tunes": "INSERT INTO sample VALUES ('baseline', 1, 2, 0)",
    "an answer of 99": "UPDATE answer SET value = 99",
}
"""Name -> SQL that damages a session, which SQLite can still open."""
