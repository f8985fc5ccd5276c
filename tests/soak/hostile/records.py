"""Files beside a run that are damaged or made to do harm: run.json, tables, findings, listening sessions."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from musicgen.listening.database import Database
from musicgen.listening.session import Item, Settings
from musicgen.listening.stimuli import Stimulus, opaque_id

Change = Callable[[dict[str, Any]], object]


def setting(value: object, *names: str) -> Change:
    """Put a value at a place of the record."""

    def change(record: dict[str, Any]) -> None:
        for name in names[:-1]:
            record = record[name]
        record[names[-1]] = value

    return change


VALUES: Mapping[str, Change] = {
    "config a list": setting([], "config"),
    "a group of it a text": setting("gru", "config", "model"),
    "sampling a number": setting(3, "config", "sampling"),
    "a study out of its folder": setting({"name": "../../../x", "primary_metrics": []}, "config", "study"),
    "a study that lists no metrics": setting({"name": "x", "primary_metrics": 3}, "config", "study"),
    "metrics a text": setting("good", "metrics"),
    "a metric a text": setting("1.5", "metrics", "fit/validation_loss"),
    "a metric of 400 digits": setting(10**400, "metrics", "fit/validation_loss"),
    "a change without a level": setting({"parameter": "model.cell"}, "change"),
    "a reference without its spread": setting({"validity/bar_rate": {"mean": 1.0}}, "reference"),
    "a seed that is no whole number": setting(0.5, "seed"),
    "a negative seed": setting(-1, "seed"),
    "a status that there is not": setting("perfect", "status"),
    "a version to come": setting(99, "schema_version"),
    "a field to come": setting(1, "grade"),
    "a time that ran backwards": setting(-1.0, "timing", "total_seconds"),
    "a start that is no moment": setting("yesterday", "machine", "started"),
    "a command that never ends": setting("python 'x", "command"),
}
"""Where a run.json that parses is wrong."""

TEXTS: Mapping[str, bytes] = {
    "empty": b"",
    "cut off": b'{"run_id": "a", "config": {"mod',
    "bytes of no text": b"\xff\xfe\x00{",
    "nested 100,000 deep": b"[" * 100_000,
    "a mapping nested 5,000 deep": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "half a surrogate pair": b'{"run_id": "\\ud800", "schema_version": 1}',
    "not a number": b'{"metrics": {"a": NaN}, "schema_version": 1}',
    "a list": b"[]",
    "a number of 5,000 digits": b'{"schema_version": ' + b"1" * 5000 + b"}",
}
"""What is no run.json at all."""


def changed(record: bytes, change: Change) -> bytes:
    """The run.json with one thing wrong in it."""
    content = json.loads(record)
    change(content)
    return json.dumps(content).encode()


TABLES: Mapping[str, tuple[str, str, bytes]] = {
    # name: (command that reads it, file, content)
    "history.csv of bytes": ("report", "history.csv", b"iteration,train_loss\n\xff\xfe\x00\n"),
    "history.csv with words for numbers": (
        "report",
        "history.csv",
        b"iteration,train_loss,validation_loss,learning_rate,tokens_per_second\n10,low,1,1,1\n",
    ),
    "history.csv without its columns": ("compare", "history.csv", b"a,b\n1,2\n"),
    "history.csv with rows of other lengths": ("compare", "history.csv", b"a,b\n1\n1,2,3\n"),
    "tunes.csv of bytes": ("report", "tunes.csv", b"index,prompt\n\xff\xfe,\n"),
    "tunes.csv cut off": ("report", "tunes.csv", b"index,prompt,temperature\n0,X:"),
    "tunes.csv with a cell of a megabyte": (
        "report",
        "tunes.csv",
        b"index,prompt\n0," + b"a" * 2**20 + b"\n",
    ),
    "tunes.csv of another run": ("report", "tunes.csv", b"index,prompt\n0,X:\n"),
    "ratings.csv of bytes": ("compare", "ratings.csv", b"\xff\xfe\x00"),
    "ratings.csv of other columns": ("compare", "ratings.csv", b"a,b\n1,2\n"),
    "ratings.csv with a point of 99": (
        "report",
        "ratings.csv",
        b"listener,tune_id,run_id,arm,seed,index,criterion,rating,is_repeat,anchor,position,rated_at\n"
        b"a,b,c,d,0,0,musicality,99,False,,1,2026\n",
    ),
    "listening.csv of other columns": ("report", "listening.csv", b"a,b\n1,2\n"),
    "findings.jsonl that is no JSON": ("compare", "findings.jsonl", b"I heard it\n"),
    "findings.jsonl nested deep": ("report", "findings.jsonl", b"[" * 100_000 + b"\n"),
    "findings.jsonl of other types": ("report", "findings.jsonl", b'{"date": 3, "text": []}\n'),
    "multirun.yaml nested deep": ("report", "multirun.yaml", b"[" * 20_000),
    "multirun.yaml of bytes": ("report", "multirun.yaml", b"\xff\xfe\x00"),
    "trials of a search of bytes": ("report", "search.json", b"\xff\xfe\x00"),
    "trials of a search of a list": ("report", "search.json", b"[]"),
    "a session of bytes": ("listen", "listening.sqlite", b"\x00" * 5000),
    "an empty session": ("listen", "listening.sqlite", b""),
}
"""Tables and logs beside a run, and who reads them."""


def write_session(path: Path) -> None:
    """A listening session of two tunes, one of which somebody has rated."""
    settings = Settings("ratings", 2, 0, ("musicality",), True, 1)
    abc = "X:1\nM:4/4\nL:1/8\nK:C\nCDEFGABc|]\n"
    items = [
        Item(opaque_id(), (Stimulus(opaque_id(), "baseline", "r", 0, index, "", abc),)) for index in range(2)
    ]
    database = Database.create(path, settings, items, [], locks=True)
    listener = database.enter("Ann")
    trial = database.trials(listener.listener_id)[0]
    database.answer(listener.listener_id, trial.trial_id, "musicality", 4)


def damage_session(path: Path, statement: str) -> None:
    """Change the rows of a listening session by hand."""
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA foreign_keys = OFF; {statement}")
    connection.close()


SESSIONS: Mapping[str, str] = {
    "a sound out of its folder": "UPDATE stimulus SET stimulus_id = '../../../x' WHERE rowid = 1",
    "settings that are none": "UPDATE session SET settings = '{\"mode\": 3}'",
    "settings nested deep": f"UPDATE session SET settings = '{'[' * 5000}'",
    "another version": "UPDATE session SET version = 99",
    "no settings": "DELETE FROM session",
    "a tune that is missing": "DELETE FROM stimulus WHERE rowid = 1",
    "no table of answers": "DROP TABLE answer",
    "an answer of 99": "UPDATE answer SET value = 99",
}
"""Where a listening session that SQLite opens is wrong."""
