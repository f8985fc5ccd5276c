"""What the page may ask for, as plain values. Nothing of the key is in any answer before a listener's end."""

import math
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from musicgen.errors import InputError
from musicgen.listening.database import Database, Listener, RefusedAnswerError
from musicgen.listening.results import Results, write_results
from musicgen.listening.session import PAIRS
from musicgen.listening.sounds import Sounds
from musicgen.records.criteria import SCALES
from musicgen.records.runs import FoundRun
from musicgen.system.web_server import RefusedError

_NAME = re.compile(r"\w[\w .'\-]{0,39}")


class Listening:
    """A session with its sounds and its runs."""

    def __init__(self, database: Database, sounds: Sounds, runs: Sequence[FoundRun], folder: Path) -> None:
        """folder: where the tables of the results go."""
        self.database = database
        self._sounds = sounds
        self._runs = runs
        self._folder = folder
        self._writing = threading.Lock()

    def render(self) -> None:
        """Make the sounds that are missing; raises InputError where one cannot be made any more."""
        for stimulus in self.database.stimuli.values():
            if not self._sounds.play(stimulus):
                raise InputError(
                    f"stimulus {stimulus.stimulus_id} of {self.database.path} makes no sound any more"
                )

    def results(self) -> Results:
        """Everything so far, written anew."""
        with self._writing:
            return write_results(self.database, self._runs, self._folder)

    def sound(self, sound_id: str) -> Path | None:
        """The file behind a sound that a trial has; None for every other id."""
        stimulus_id = self.database.stimulus_of(sound_id)
        return None if stimulus_id is None else self._sounds.path(stimulus_id)

    def enter(self, question: Mapping[str, object]) -> dict[str, object]:
        """{name} -> {listener, name}: someone begins, or comes back."""
        name = question.get("name")
        name = " ".join(name.split()) if isinstance(name, str) else ""
        if not _NAME.fullmatch(name):
            raise RefusedError(
                400, "A name has 1 to 40 letters, digits, spaces, dots, hyphens or apostrophes."
            )
        listener = self.database.enter(name)
        return {"listener": listener.listener_id, "name": listener.name}

    def session(self, question: Mapping[str, object]) -> dict[str, object]:
        """{listener} -> everything that the page shows: questions, trials with opaque ids, answers so far."""
        listener = self._listener(question)
        return {
            "name": listener.name,
            "has_ended": listener.has_ended,
            "mode": self.database.settings.mode,
            "questions": self._questions(),
            "trials": [
                {
                    "id": place.trial_id,
                    "sounds": list(place.sound_ids),
                    "questions": list(place.questions),
                    "answers": place.answers,
                }
                for place in self.database.places(listener.listener_id)
            ],
        }

    def _questions(self) -> list[dict[str, object]]:
        items = self.database.items.values()
        if self.database.settings.mode == PAIRS:
            return [
                {"name": "preference", "title": "Preference", "question": "Which of the two is better music?"}
            ]
        asked = {name for item in items for name in self.database.settings.questions(item)}
        chosen = [one for name, one in SCALES.items() if name in asked]
        return [
            {"name": one.name, "title": one.title, "question": one.question, "labels": list(one.labels)}
            for one in chosen
        ]

    def answer(self, question: Mapping[str, object]) -> dict[str, object]:
        """{listener, trial, question, value} -> {saved}: on the disk when this returns."""
        listener = self._listener(question)
        trial, name, value = (question.get(field) for field in ("trial", "question", "value"))
        if not (isinstance(trial, str) and isinstance(name, str) and isinstance(value, int)):
            raise RefusedError(400, "An answer names its trial, its question and a whole number.")
        if not self.database.settings.is_answer(value):
            raise RefusedError(400, "That is no answer to that question.")
        try:
            self.database.answer(listener.listener_id, trial, name, value)
        except RefusedAnswerError as error:
            raise RefusedError(409, str(error)) from error
        return {"saved": True}

    def end(self, question: Mapping[str, object]) -> dict[str, object]:
        """{listener} -> {}: no answer changes after this, and the result may be asked for."""
        listener = self._listener(question)
        self.database.end(listener.listener_id)
        return {}

    def result(self, question: Mapping[str, object]) -> dict[str, object]:
        """{listener} -> tables and key; refused before that listener's end."""
        listener = self._listener(question)
        if not listener.has_ended:
            raise RefusedError(403, "The key is shown after the end.")
        results = self.results()
        return {
            "listeners": list(results.listeners),
            "num_under_way": results.num_under_way,
            "remarks": list(self.database.remarks),
            "tables": {name: _plain(table.to_dict("records")) for name, table in results.tables.items()},
            "reliability": _plain(
                [{name: getattr(one, name) for name in one.__slots__} for one in results.reliability]
            ),
            "between_listeners": _plain([results.between_listeners])[0],
            "repeats": list(results.repeats),
            "titles": {one.name: one.title for one in SCALES.values()},
            "heard": self._heard(listener),
            "files": [path.name for path in results.written],
        }

    def _heard(self, listener: Listener) -> list[dict[str, object]]:
        """The key of one listener's trials, in the order of hearing."""
        trials: dict[int, dict[str, object]] = {}
        for answer in self.database.answers():
            if answer.listener == listener.name:
                trial = trials.setdefault(
                    answer.position,
                    {
                        "position": answer.position,
                        "is_repeat": answer.is_repeat,
                        "tunes": [
                            {"arm": one.arm, "seed": one.seed, "index": one.index} for one in answer.heard
                        ],
                        "answers": {},
                    },
                )
                answers = trial["answers"]
                assert isinstance(answers, dict)
                answers[answer.question] = answer.value
        return list(trials.values())

    def _listener(self, question: Mapping[str, object]) -> Listener:
        listener_id = question.get("listener")
        listener = self.database.listener(listener_id) if isinstance(listener_id, str) else None
        if listener is None:
            raise RefusedError(404, "This session does not know you: give your name again.")
        return listener


def _plain(rows: Sequence[Mapping[Any, object]]) -> list[dict[str, object]]:
    """Rows as JSON has them: what does not exist is null."""

    def plain(value: object) -> object:
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return value.item() if hasattr(value, "item") else value  # pyright: ignore[reportAttributeAccessIssue]

    return [{str(name): plain(value) for name, value in row.items()} for row in rows]
