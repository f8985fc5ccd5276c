"""The requests of the page, as plain values. No answer reveals an arm before the listener has ended."""

import math
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from musicgen.errors import InputError
from musicgen.listening.database import Database, Listener
from musicgen.listening.results import Results, write_results
from musicgen.listening.session import PAIRS, PREFERENCE
from musicgen.listening.sounds import Sounds
from musicgen.records.criteria import SCALES
from musicgen.records.runs import FoundRun
from musicgen.system.web_server import RefusedError

_NAME = re.compile(r"\w[\w .'\-]{0,39}")


class ListeningService:
    """A session with its sounds and its runs."""

    def __init__(self, database: Database, sounds: Sounds, runs: Sequence[FoundRun], folder: Path) -> None:
        """folder: where the result tables go."""
        self.database = database
        self.runs = runs
        self.folder = folder
        self._sounds = sounds
        self._writing = threading.Lock()

    def render(self) -> None:
        """Render the sounds that are missing; raises InputError if one can no longer be made."""
        for stimulus in self.database.stimuli.values():
            if not self._sounds.play(stimulus):
                raise InputError(
                    f"stimulus {stimulus.stimulus_id} of {self.database.path} can no longer be rendered"
                )

    def results(self) -> Results:
        """The results so far; their tables are written anew."""
        with self._writing:
            return write_results(self.database, self.runs, self.folder)

    def sound(self, sound_id: str) -> Path | None:
        """The file of a sound that belongs to a trial; None for any other id."""
        stimulus_id = self.database.stimulus_of(sound_id)
        return None if stimulus_id is None else self._sounds.path(stimulus_id)

    def enter(self, question: Mapping[str, object]) -> dict[str, object]:
        """{name} -> {listener, name}: start, or return under the same name."""
        name = question.get("name")
        name = " ".join(name.split()) if isinstance(name, str) else ""
        if not _NAME.fullmatch(name):
            raise RefusedError(
                400, "A name has 1 to 40 letters, digits, spaces, dots, hyphens or apostrophes."
            )
        listener = self.database.enter(name)
        return {"listener": listener.listener_id, "name": listener.name}

    def session(self, question: Mapping[str, object]) -> dict[str, object]:
        """{listener} -> all that the page shows: questions, trials with opaque ids, answers so far."""
        listener = self._listener(question)
        return {
            "name": listener.name,
            "has_ended": listener.has_ended,
            "mode": self.database.settings.mode,
            "questions": self._questions(),
            "trials": [
                {
                    "id": trial.trial_id,
                    "sounds": list(trial.sound_ids),
                    "questions": list(trial.questions),
                    "answers": trial.answers,
                }
                for trial in self.database.trials(listener.listener_id)
            ],
        }

    def _questions(self) -> list[dict[str, object]]:
        if self.database.settings.mode == PAIRS:
            return [
                {"name": PREFERENCE, "title": "Preference", "question": "Which of the two is better music?"}
            ]
        items = self.database.items.values()
        asked = {name for item in items for name in self.database.settings.questions(item)}
        return [
            {"name": one.name, "title": one.title, "question": one.question, "labels": list(one.labels)}
            for name, one in SCALES.items()
            if name in asked
        ]

    def answer(self, question: Mapping[str, object]) -> dict[str, object]:
        """{listener, trial, question, value} -> {saved}, once it is on the disk."""
        listener = self._listener(question)
        trial, name, value = (question.get(field) for field in ("trial", "question", "value"))
        if not (isinstance(trial, str) and isinstance(name, str) and isinstance(value, int)):
            raise RefusedError(400, "An answer needs its trial, its question and a whole number.")
        if not self.database.settings.is_answer(value):
            raise RefusedError(400, "That number does not answer the question.")
        self.database.answer(listener.listener_id, trial, name, value)
        return {"saved": True}

    def end(self, question: Mapping[str, object]) -> dict[str, object]:
        """{listener} -> {}: close the listener's answers, so that the result may be shown."""
        listener = self._listener(question)
        self.database.end(listener.listener_id)
        return {}

    def result(self, question: Mapping[str, object]) -> dict[str, object]:
        """{listener} -> tables and key; refused before that listener has ended."""
        listener = self._listener(question)
        if not listener.has_ended:
            raise RefusedError(403, "The result is shown after the end.")
        results = self.results()
        return {
            "listeners": list(results.listeners),
            "num_under_way": results.num_under_way,
            "remarks": list(self.database.remarks),
            "samples": [asdict(sample) for sample in self.database.samples.values()],
            "tables": {name: _plain(table.to_dict("records")) for name, table in results.tables.items()},
            "reliability": _plain([asdict(one) for one in results.reliability]),
            "between_listeners": _plain([results.between_listeners])[0],
            "repeats": list(results.repeats),
            "titles": {one.name: one.title for one in SCALES.values()},
            "heard": self._heard(listener),
            "files": [path.name for path in results.written],
        }

    def _heard(self, listener: Listener) -> list[dict[str, Any]]:
        """What one listener heard and answered, in the order of hearing."""
        trials: dict[int, dict[str, Any]] = {}
        for answer in self.database.answers():
            if answer.listener == listener.name:
                tunes = [{"arm": one.arm, "seed": one.seed, "index": one.index} for one in answer.heard]
                trial = {"position": answer.position, "is_repeat": answer.is_repeat, "tunes": tunes}
                trials.setdefault(answer.position, trial | {"answers": {}})
                trials[answer.position]["answers"][answer.question] = answer.value
        return list(trials.values())

    def _listener(self, question: Mapping[str, object]) -> Listener:
        listener_id = question.get("listener")
        listener = self.database.listener(listener_id) if isinstance(listener_id, str) else None
        if listener is None:
            raise RefusedError(404, "This session does not know you: enter your name again.")
        return listener


def _plain(rows: Sequence[Mapping[Any, object]]) -> list[dict[str, object]]:
    """Rows for JSON, with null for values that do not exist."""

    def plain(value: object) -> object:
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return value.item() if hasattr(value, "item") else value  # pyright: ignore[reportAttributeAccessIssue]

    return [{str(name): plain(value) for name, value in row.items()} for row in rows]
