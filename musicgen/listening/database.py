"""The database of one session: its key, its listeners and every answer.

Every call opens its own connection, so any thread may call.
"""

import json
import re
import sqlite3
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from pydantic import TypeAdapter

from musicgen.errors import InputError
from musicgen.listening.session import PAIRS, Item, Settings, Trial, order_trials
from musicgen.listening.session_file import VERSION, connected, now
from musicgen.listening.stimuli import Sample, Stimulus, opaque_id
from musicgen.records.criteria import check_criteria
from musicgen.system.web_server import RefusedError

_OPAQUE_ID = re.compile(r"[0-9a-f]{32}")
_LISTENERS = "SELECT listener_id, name, ended_at IS NOT NULL FROM listener"


@dataclass(frozen=True, slots=True)
class Listener:
    """A person who rates."""

    listener_id: str
    name: str
    has_ended: bool


@dataclass(frozen=True, slots=True)
class ListenerTrial:
    """What a listener's page may know of a trial."""

    trial_id: str
    sound_ids: tuple[str, ...]
    questions: tuple[str, ...]
    answers: dict[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with everything about it, including the key."""

    listener: str
    has_ended: bool
    position: int
    """The trial's number for this listener, from 1."""
    item_id: str
    is_repeat: bool
    heard: tuple[Stimulus, ...]
    question: str
    value: int
    answered_at: str


class Database:
    """An existing session."""

    def __init__(self, path: Path) -> None:
        """Raises InputError if the file is not a session of this version, or is damaged."""
        self.path = path
        with connected(self.path) as connection:
            row = connection.execute("SELECT version, settings, remarks, created_at FROM session").fetchone()
        if row is None:
            raise InputError(f"{path}: is not a listening session: it is empty")
        version, settings, remarks, self.created_at = row
        if version != VERSION:
            raise InputError(
                f"{path}: is a session of version {version}; this program reads version {VERSION}"
            )
        try:
            self.settings = TypeAdapter(Settings).validate_json(settings, strict=True)
            check_criteria(list(self.settings.criteria))
            self.remarks = TypeAdapter(tuple[str, ...]).validate_json(remarks, strict=True)
            self.stimuli, self.items = self._read_items()
            self.samples = self._read_samples()
            """Arm -> the tunes that it was drawn from; empty for earlier sessions, which did not store it."""
            self._check_answers()
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: is damaged: {' '.join(str(error).split())}") from error

    def _read_items(self) -> tuple[dict[str, Stimulus], dict[str, Item]]:
        with connected(self.path) as connection:
            stimuli = {
                row[0]: Stimulus(*row) for row in connection.execute("SELECT * FROM stimulus ORDER BY rowid")
            }
            places = connection.execute("SELECT item_id, stimulus_id FROM item ORDER BY rowid").fetchall()
        for stimulus_id in stimuli:
            # The id becomes a file name, so it must not be a path.
            if not (isinstance(stimulus_id, str) and _OPAQUE_ID.fullmatch(stimulus_id)):
                raise ValueError(f"stimulus {stimulus_id!r} has an invalid id")
        members: dict[str, list[Stimulus]] = {}
        for item_id, stimulus_id in places:
            members.setdefault(item_id, []).append(stimuli[stimulus_id])
        return stimuli, {item_id: Item(item_id, tuple(heard)) for item_id, heard in members.items()}

    def _read_samples(self) -> dict[str, Sample]:
        with connected(self.path) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sample'").fetchone():
                return {}
            rows = connection.execute("SELECT * FROM sample ORDER BY rowid").fetchall()
        samples = {row[0]: Sample(*row) for row in rows}
        for one in samples.values():
            if not 0 <= one.num_without_notes <= one.num_invalid <= one.num_tunes:
                raise ValueError(f"the numbers of tunes of {one.arm!r} contradict each other")
        return samples

    def _check_answers(self) -> None:
        """Raise KeyError, TypeError or ValueError if trials and answers are inconsistent."""
        for listener in self.listeners():
            self.trials(listener.listener_id)
        for answer in self.answers():
            if not self.settings.is_answer(answer.value):
                raise ValueError(f"the answer {answer.value} is out of range")
            if self.settings.mode == PAIRS and len(answer.heard) != 2:
                raise ValueError(f"a pair has {len(answer.heard)} tunes")

    def enter(self, name: str) -> Listener:
        """The listener with this name; a new one gets their own random order."""
        with connected(self.path) as connection:
            # Take the write lock, so that two who enter at once do not get the same number.
            connection.execute("BEGIN IMMEDIATE")
            if known := _read_listeners(connection, "WHERE name = ?", name):
                return known[0]
            (number,) = connection.execute("SELECT COUNT(*) FROM listener").fetchone()
            listener = Listener(opaque_id(), name, False)
            connection.execute(
                "INSERT INTO listener VALUES (?, ?, ?, ?, NULL)", (listener.listener_id, name, number, now())
            )
            trials = order_trials(list(self.items.values()), self.settings.seed, number)
            for position, trial in enumerate(trials, start=1):
                _insert_trial(connection, listener, position, trial)
        return listener

    def listener(self, listener_id: str) -> Listener | None:
        """The listener with this id; None for an unknown one."""
        with connected(self.path) as connection:
            return next(iter(_read_listeners(connection, "WHERE listener_id = ?", listener_id)), None)

    def listeners(self) -> list[Listener]:
        """All listeners, in the order in which they started."""
        with connected(self.path) as connection:
            return _read_listeners(connection, "ORDER BY number")

    def trials(self, listener_id: str) -> list[ListenerTrial]:
        """The listener's trials in order, with the answers so far."""
        with connected(self.path) as connection:
            rows = connection.execute(
                "SELECT trial_id, item_id FROM trial WHERE listener_id = ? ORDER BY position", (listener_id,)
            ).fetchall()
            sounds = connection.execute(
                "SELECT trial_id, sound_id FROM sound JOIN trial USING (trial_id) WHERE listener_id = ? "
                "ORDER BY trial_id, place",
                (listener_id,),
            ).fetchall()
            answers = connection.execute(
                "SELECT trial_id, question, value FROM answer JOIN trial USING (trial_id) "
                "WHERE listener_id = ?",
                (listener_id,),
            ).fetchall()
        trials = {
            trial_id: ListenerTrial(
                trial_id,
                tuple(sound_id for of_trial, sound_id in sounds if of_trial == trial_id),
                self.settings.questions(self.items[item_id]),
                {},
            )
            for trial_id, item_id in rows
        }
        for trial_id, question, value in answers:
            trials[trial_id].answers[question] = value
        return list(trials.values())

    def stimulus_of(self, sound_id: str) -> str | None:
        """The id of the stimulus behind a sound; None for an unknown sound."""
        with connected(self.path) as connection:
            row = connection.execute(
                "SELECT stimulus_id FROM sound WHERE sound_id = ?", (sound_id,)
            ).fetchone()
        return row[0] if row else None

    def answer(self, listener_id: str, trial_id: str, question: str, value: int) -> None:
        """Save one answer, replacing an earlier one; it is on the disk when this returns.

        Raises RefusedError for another listener's trial, a question that was not asked, and after the end.
        """
        with connected(self.path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute(
                "SELECT ended_at, item_id FROM trial JOIN listener USING (listener_id) "
                "WHERE trial_id = ? AND listener_id = ?",
                (trial_id, listener_id),
            ).fetchone()
            if row is None:
                raise RefusedError(HTTPStatus.CONFLICT, "this listener has no such trial")
            if row[0] is not None:
                raise RefusedError(
                    HTTPStatus.CONFLICT,
                    "this listener has ended and seen the key, so answers can no longer change",
                )
            if question not in self.settings.questions(self.items[row[1]]):
                raise RefusedError(HTTPStatus.CONFLICT, "this question is not asked about this trial")
            connection.execute(
                "INSERT INTO answer VALUES (?, ?, ?, ?) ON CONFLICT (trial_id, question) "
                "DO UPDATE SET value = excluded.value, answered_at = excluded.answered_at",
                (trial_id, question, value, now()),
            )

    def end(self, listener_id: str) -> None:
        """Close the listener's answers, so that they may see the key."""
        with connected(self.path) as connection:
            connection.execute(
                "UPDATE listener SET ended_at = ? WHERE listener_id = ? AND ended_at IS NULL",
                (now(), listener_id),
            )

    def answers(self) -> list[Answer]:
        """All answers, by listener and trial in the order in which they were asked."""
        with connected(self.path) as connection:
            rows = connection.execute(
                "SELECT name, ended_at IS NOT NULL, position, item_id, is_repeat, heard, question, value, "
                "answered_at FROM answer JOIN trial USING (trial_id) JOIN listener USING (listener_id) "
                "ORDER BY number, position, question"
            ).fetchall()
        answers = []
        for name, has_ended, position, item_id, is_repeat, heard, *rest in rows:
            stimuli = tuple(self.stimuli[stimulus_id] for stimulus_id in json.loads(heard))
            answers.append(Answer(name, bool(has_ended), position, item_id, bool(is_repeat), stimuli, *rest))
        return answers


def _read_listeners(connection: sqlite3.Connection, condition: str, *values: str) -> list[Listener]:
    rows = connection.execute(f"{_LISTENERS} {condition}", values)
    return [Listener(listener_id, name, bool(has_ended)) for listener_id, name, has_ended in rows]


def _insert_trial(connection: sqlite3.Connection, listener: Listener, position: int, trial: Trial) -> None:
    heard = [stimulus.stimulus_id for stimulus in trial.heard]
    row = (trial.trial_id, listener.listener_id, position, trial.item.item_id)
    connection.execute(
        "INSERT INTO trial VALUES (?, ?, ?, ?, ?, ?)", (*row, json.dumps(heard), int(trial.is_repeat))
    )
    for place, stimulus_id in enumerate(heard):
        connection.execute(
            "INSERT INTO sound VALUES (?, ?, ?, ?)", (opaque_id(), trial.trial_id, place, stimulus_id)
        )
