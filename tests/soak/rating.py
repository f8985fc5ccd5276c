"""The rating of tunes, disturbed: its server is killed and its disk filled while somebody rates."""

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
from tests.soak.disturbances import FINE, Book, wrong_with
from tests.soak.scenes import Materials, kill, newest, start_command
from tests.soak.warm import Command
from tests.soak.whole import database_is_whole

NAME = "rating"
SECONDS_OF_RATING = 2.5
_ADDRESS = re.compile(rf"http://{re.escape(ADDRESS)}:(\d+)/")
_TOKEN = re.compile(r'name="token" content="([^"]+)"')


def kill_server(materials: Materials, folder: Path, seed: int, number: int, book: Book, until: float) -> None:
    """Kill the server of the listening page while somebody rates; look for every confirmed rating."""
    place = folder / NAME
    shutil.rmtree(place, ignore_errors=True)
    rater = Rater(materials, place, seed)
    chance = random.Random(f"{seed} {book.count('kills', NAME)}")
    while book.count("kills", NAME) < number and time.monotonic() < until:
        process = rater.start()
        moment, outcome = chance.uniform(0.3, SECONDS_OF_RATING + rater.seconds_to_start), FINE[0]
        try:
            confirmed = rater.rate(process, moment)
        except AssertionError as error:
            confirmed, outcome = 0, str(error)
        kill(process, alone=True)
        databases = list(rater.session.glob("*.sqlite"))
        if not all(map(database_is_whole, databases)):
            outcome = "the database is damaged"
        book.add("kills", NAME, outcome, seed=seed, moment=round(moment, 2), confirmed=confirmed)


def fill_disk(materials: Materials, folder: Path, kinds: Sequence[str], book: Book) -> None:
    """Fill the disk while somebody rates, then make room; and start the server where it may not write."""
    place = folder / f"{NAME}-disk"
    shutil.rmtree(place, ignore_errors=True)
    with mounted(place) as disk:
        rater = Rater(materials, place, 0)
        process = rater.start()
        confirmed, outcome = rater.rate(process, 30.0, most=5), FINE[0]
        if "full" in kinds and not book.count("full", NAME):
            disk.leave(0)
            try:
                # What fits into the pages that the database has may be saved.
                refused = None
                rater.rate(process, 30.0, most=2000)
            except RefusedError as refusal:
                refused = str(refusal)
            disk.make_room()
            try:
                confirmed = rater.rate(process, 30.0, most=5)
            except (AssertionError, RefusedError) as error:
                outcome = str(error)
            if outcome == FINE[0]:
                outcome = FINE[1] if refused and confirmed else f"refused: {refused}, then {confirmed} saved"
            book.add("full", NAME, outcome, line=refused)
        os.kill(process.pid, signal.SIGINT)
        ended = wrong_with(process.wait(), 0)
        if "read-only" in kinds and not book.count("read-only", NAME):
            disk.allow_writing(False)
            done = rater.start().wait()
            disk.allow_writing(True)
            outcome = ended or wrong_with(done, 1) or FINE[1]
            book.add("read-only", NAME, outcome, line=(done.stderr.splitlines() or [""])[-1])


class Rater:
    """Somebody who rates tunes on the page as fast as it saves them, and remembers what it confirmed."""

    def __init__(self, materials: Materials, folder: Path, seed: int) -> None:
        self._folder = folder
        self._values = random.Random(seed)
        self._port: int | None = None
        self.seconds_to_start = 3.0
        """Of the server, the last time."""
        self.confirmed: dict[tuple[str, str], int] = {}
        """Trial and question -> the value that the page said was saved."""
        self.sent: dict[tuple[str, str], int] = {}
        """The one that was under way when the server died, which may be saved or not."""
        if not (folder / "outputs").exists():
            folder.mkdir(parents=True, exist_ok=True)
            materials.copy_sweep(folder)

    @property
    def session(self) -> Path:
        """Where the ratings are."""
        return self._folder / "outputs" / "heard"

    def start(self) -> Command:
        """Start the server, or start it again."""
        sweep = newest(self._folder / "outputs" / "sweeps", "effects.csv")
        drawn = ("--num-tunes", 4, "--num-anchors", 1, "--any-tune", "--seed", 1, "--port", 0)
        self._port = None
        return start_command("listen", sweep, *drawn, "--out", self.session)

    def rate(self, process: Command, seconds: float, most: int | None = None) -> int:
        """Rate for that many seconds, the start of the server included; the number that was confirmed.

        What was confirmed earlier is looked for first. Raises AssertionError where it is not there, and
        RefusedError where the server says that it did not save.
        """
        started, number = time.monotonic(), 0
        until = started + seconds
        if self._port is None:
            self._port = _find_port(process, until)
            self.seconds_to_start = time.monotonic() - started
        port = self._port
        if port is None:
            return 0
        with suppress(OSError, http.client.HTTPException):
            page = _ask(port, "GET", "/")
            token = _TOKEN.search(page)
            assert token is not None, "the page has no token"
            entered = self._post(port, token[1], "enter", {"name": "Rater"})
            listener = entered["listener"]
            trials = self._post(port, token[1], "session", {"listener": listener})["trials"]
            self._compare(trials)
            while time.monotonic() < until and number != most:
                trial = self._values.choice(trials)
                question = self._values.choice(trial["questions"])
                key, value = (trial["id"], question), self._values.randint(1, 5)
                self.sent = {key: value}
                self._post(
                    port,
                    token[1],
                    "answer",
                    {"listener": listener, "trial": key[0], "question": question, "value": value},
                )
                self.confirmed[key], self.sent = value, {}
                number += 1
        return number

    def _compare(self, trials: Sequence[dict]) -> None:
        there = {
            (trial["id"], question): value for trial in trials for question, value in trial["answers"].items()
        }
        for key, value in self.confirmed.items():
            allowed = {value, self.sent.get(key, value)}
            assert there.get(key) in allowed, f"confirmed {value}, there is {there.get(key)}"
        extra = there.keys() - self.confirmed.keys() - self.sent.keys()
        assert not extra, f"{len(extra)} answers that nobody gave"
        self.confirmed = there

    def _post(self, port: int, token: str, path: str, content: object) -> dict:
        answer = json.loads(_ask(port, "POST", f"/api/{path}", json.dumps(content), token))
        if "error" in answer:
            raise RefusedError(answer["error"])
        return answer


class RefusedError(Exception):
    """What the server answered instead of saving."""


def _find_port(process: Command, until: float) -> int | None:
    """The port of the page, from what the server prints; None where there is none in time."""
    while time.monotonic() < until and process.poll() is None:
        found = _ADDRESS.search(process.output)
        if found:
            return int(found[1])
        time.sleep(0.02)
    return None


def _ask(port: int, method: str, path: str, body: str | None = None, token: str = "") -> str:
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=10)
    headers = {"Content-Type": "application/json", TOKEN_HEADER: token} if body is not None else {}
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().read().decode()
    finally:
        connection.close()
