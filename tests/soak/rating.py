"""The rating of tunes under disturbance: its server is killed, or its disk fills up, while someone rates."""

import http.client
import json
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from musicgen.system.web_server import ADDRESS, TOKEN_HEADER
from tests.soak.disks import mounted
from tests.soak.disturbances import EQUAL, REPORTED, Journal, problem_with
from tests.soak.forked_commands import Command
from tests.soak.intact_files import database_is_intact
from tests.soak.scenes import Materials, kill, newest, start_command

NAME = "rating"
RATING_SECONDS = 2.5
_ADDRESS = re.compile(rf"http://{re.escape(ADDRESS)}:(\d+)/")
_TOKEN = re.compile(r'name="token" content="([^"]+)"')


def kill_server(
    materials: Materials, folder: Path, seed: int, number: int, journal: Journal, deadline: float
) -> None:
    """Kill the server of the listening page while a listener rates; every confirmed rating must be saved."""
    place = folder / NAME
    shutil.rmtree(place, ignore_errors=True)
    rater = Rater(materials, place, seed)
    rng = random.Random(f"{seed} {journal.count('kills', NAME)}")
    while journal.count("kills", NAME) < number and time.monotonic() < deadline:
        process = rater.start()
        moment, outcome = rng.uniform(0.3, RATING_SECONDS + rater.start_seconds), EQUAL
        try:
            confirmed = rater.rate(process, moment)
        except AssertionError as error:
            confirmed, outcome = 0, str(error)
        kill(process, alone=True)
        if not all(map(database_is_intact, rater.session.glob("*.sqlite"))):
            outcome = "the database is damaged"
        journal.add("kills", NAME, outcome, seed=seed, moment=round(moment, 2), confirmed=confirmed)


def fill_disk(materials: Materials, folder: Path, kinds: Sequence[str], journal: Journal) -> None:
    """Fill the disk while a listener rates, then make room; then start the server on a read-only disk."""
    place = folder / f"{NAME}-disk"
    shutil.rmtree(place, ignore_errors=True)
    with mounted(place) as disk:
        rater = Rater(materials, place, 0)
        process = rater.start()
        confirmed, outcome = rater.rate(process, 30.0, max_ratings=5), EQUAL
        if "full" in kinds and not journal.count("full", NAME):
            disk.leave(0)
            refused = None
            try:
                # Ratings that fit into the database's free pages may still be saved.
                rater.rate(process, 30.0, max_ratings=2000)
            except RefusedError as refusal:
                refused = str(refusal)
            disk.make_room()
            try:
                confirmed = rater.rate(process, 30.0, max_ratings=5)
            except (AssertionError, RefusedError) as error:
                outcome = str(error)
            if outcome == EQUAL:
                outcome = REPORTED if refused and confirmed else f"refused: {refused}, then {confirmed} saved"
            journal.add("full", NAME, outcome, line=refused)
        os.kill(process.pid, signal.SIGINT)
        problem = problem_with(process.wait(), 0)
        if "read-only" in kinds and not journal.count("read-only", NAME):
            disk.allow_writing(False)
            done = rater.start().wait()
            disk.allow_writing(True)
            outcome = problem or problem_with(done, 1) or REPORTED
            journal.add("read-only", NAME, outcome, line=(done.stderr.splitlines() or [""])[-1])


class Rater:
    """A listener who rates as fast as the page saves, and remembers what it confirmed."""

    def __init__(self, materials: Materials, folder: Path, seed: int) -> None:
        self._folder = folder
        self._rng = random.Random(seed)
        self._port: int | None = None
        self.start_seconds = 3.0
        """How long the server's last start took."""
        self.confirmed: dict[tuple[str, str], int] = {}
        """Trial and question -> the value that the page confirmed."""
        self.sent: dict[tuple[str, str], int] = {}
        """The rating in transit when the server died, which may be saved or not."""
        if not (folder / "outputs").exists():
            folder.mkdir(parents=True, exist_ok=True)
            materials.copy_sweep(folder)

    @property
    def session(self) -> Path:
        """The folder of ratings."""
        return self._folder / "outputs" / "heard"

    def start(self) -> Command:
        """Start or restart the server."""
        sweep = newest(self._folder / "outputs" / "sweeps", "effects.csv")
        drawn = ("--num-tunes", 4, "--num-anchors", 1, "--any-tune", "--seed", 1, "--port", 0)
        self._port = None
        return start_command("listen", sweep, *drawn, "--out", self.session)

    def rate(self, process: Command, seconds: float, max_ratings: int | None = None) -> int:
        """Rate for `seconds`, including the server's start; returns the number of confirmed ratings.

        Raises AssertionError if an earlier confirmed rating is missing, and RefusedError if the server says
        that it did not save one.
        """
        started, number = time.monotonic(), 0
        deadline = started + seconds
        if self._port is None:
            self._port = _find_port(process, deadline)
            self.start_seconds = time.monotonic() - started
        port = self._port
        if port is None:
            return 0
        with suppress(OSError, http.client.HTTPException):
            found = _TOKEN.search(_request(port, "GET", "/"))
            assert found is not None, "the page has no token"
            token = found[1]
            listener = _post(port, token, "enter", {"name": "Rater"})["listener"]
            trials = _post(port, token, "session", {"listener": listener})["trials"]
            self._check_saved(trials)
            while time.monotonic() < deadline and number != max_ratings:
                trial = self._rng.choice(trials)
                question = self._rng.choice(trial["questions"])
                key, value = (trial["id"], question), self._rng.randint(1, 5)
                self.sent = {key: value}
                answer = {"listener": listener, "trial": trial["id"], "question": question, "value": value}
                _post(port, token, "answer", answer)
                self.confirmed[key], self.sent = value, {}
                number += 1
        return number

    def _check_saved(self, trials: Sequence[dict]) -> None:
        saved = {
            (trial["id"], question): value for trial in trials for question, value in trial["answers"].items()
        }
        for key, value in self.confirmed.items():
            allowed = {value, self.sent.get(key, value)}
            assert saved.get(key) in allowed, f"confirmed {value}, saved {saved.get(key)}"
        extra = saved.keys() - self.confirmed.keys() - self.sent.keys()
        assert not extra, f"{len(extra)} answers that were never given"
        self.confirmed = saved


class RefusedError(Exception):
    """The server's error message for a rating that it could not save."""


def _find_port(process: Command, deadline: float) -> int | None:
    """Return the port of the page as the server prints it; None if it does not in time."""
    while time.monotonic() < deadline and process.poll() is None:
        if found := _ADDRESS.search(process.output):
            return int(found[1])
        time.sleep(0.02)
    return None


def _post(port: int, token: str, path: str, content: object) -> dict:
    answer = json.loads(_request(port, "POST", f"/api/{path}", json.dumps(content), token))
    if "error" in answer:
        raise RefusedError(answer["error"])
    return answer


def _request(port: int, method: str, path: str, body: str | None = None, token: str = "") -> str:
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=10)
    headers = {"Content-Type": "application/json", TOKEN_HEADER: token} if body is not None else {}
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().read().decode()
    finally:
        connection.close()
