"""Ways to disturb a command, and the checks afterwards; docs/reliability.md states the promises."""

import json
import random
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.soak.disks import mounted
from tests.soak.intact_files import damaged, result_files
from tests.soak.scenes import Scene, kill, start_command

MAX_KILLS_PER_FOLDER = 8
MAX_CUT_FILES = 8
_EARLIER = re.compile("outputs/(runs|sweeps|searches/soak/[0-9])")
FINE = EQUAL, REPORTED, NOT_NEEDED = "as undisturbed", "reported, then as undisturbed", "not needed"


@dataclass
class Journal:
    """A line for each disturbance, kept in a file if there is a path."""

    path: Path | None
    lines: list[dict[str, object]] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path | None) -> "Journal":
        """Resume from the file, if it exists."""
        text = path.read_text() if path is not None and path.is_file() else ""
        return cls(path, [json.loads(line) for line in text.splitlines()])

    def add(self, kind: str, command: str, outcome: str, **details: object) -> None:
        line = {"kind": kind, "command": command, "outcome": outcome, **details}
        self.lines.append(line)
        print(json.dumps(line), flush=True)
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")

    def count(self, kind: str, command: str) -> int:
        return sum(line["kind"] == kind and line["command"] == command for line in self.lines)


@dataclass
class Trials:
    """The disturbances of one command."""

    scene: Scene
    folder: Path
    seed: int
    journal: Journal
    deadline: float
    """No new folder is begun after this, by time.monotonic."""
    prepared_at: float = 0.0
    """When the current folder was ready, by time.time."""
    attempts: int = 0
    """Folders begun, even if the command ended undisturbed."""

    @cached_property
    def undisturbed(self) -> "Undisturbed":
        """The command done once without disturbance."""
        place = self.folder / f"{self.scene.name}-undisturbed"
        shutil.rmtree(place, ignore_errors=True)
        self.scene.prepare(place)
        before = _num_bytes(place)
        started = time.monotonic()
        done = self.scene.run(place)
        seconds = time.monotonic() - started
        lines = damaged(place)
        if done.returncode or lines:
            raise SystemExit(f"{self.scene.name}, undisturbed: {done.stdout}\n{done.stderr}\n{lines}")
        return Undisturbed(self.scene.results(place), seconds, _num_bytes(place) - before)

    def new_rng(self, kind: str) -> random.Random:
        """Return the random numbers for the next folder."""
        self.attempts += 1
        done = self.journal.count(kind, self.scene.name)
        return random.Random(f"{self.seed} {kind} {self.scene.name} {done} {self.attempts}")

    def is_wanted(self, kind: str, number: int) -> bool:
        """Whether fewer than `number` disturbances are done, and time is left."""
        return self.journal.count(kind, self.scene.name) < number and time.monotonic() < self.deadline

    def new_folder(self) -> Path:
        """Prepare a folder for the command."""
        place = self.folder / f"{self.scene.name}-disturbed"
        shutil.rmtree(place, ignore_errors=True)
        self.scene.prepare(place)
        self.prepared_at = time.time()
        return place

    def end(self, place: Path, cut: Sequence[str] = ()) -> str:
        """Run the command to its end; returns EQUAL or what is wrong.

        cut: truncated files. Those of earlier runs, which the command does not write again, may stay damaged.
        """
        return problem_with(self.scene.run(place), 0) or self.compare(place, cut)

    def compare(self, place: Path, cut: Sequence[str] = ()) -> str:
        """Compare the files of a command that ended well; see end()."""
        earlier = [name for name in cut if _EARLIER.match(name)]
        lines = [line for line in damaged(place) if line.partition(": ")[0] not in earlier]
        if lines:
            return f"damaged: {lines[0]}"
        try:
            results = self.scene.results(place)
        except Exception as error:
            return f"results cannot be read: {type(error).__name__}: {error}"
        expected = self.undisturbed.results
        different = sorted(
            name for name in expected.keys() | results.keys() if expected.get(name) != results.get(name)
        )
        return f"{len(different)} differ: {different[:3]}" if different else EQUAL


@dataclass(frozen=True)
class Undisturbed:
    """What a command leaves without disturbance, and what it takes."""

    results: dict[str, object]
    seconds: float
    num_bytes: int


def kills(trials: Trials, number: int) -> None:
    """Kill the command up to MAX_KILLS_PER_FOLDER times in a folder, then let it end; then a new folder."""
    scene = trials.scene
    while trials.is_wanted("kills", number):
        rng, place = trials.new_rng("kills"), trials.new_folder()
        pending: list[dict[str, object]] = []
        wanted = min(MAX_KILLS_PER_FOLDER, number - trials.journal.count("kills", scene.name))
        outcome = None
        while outcome is None and len(pending) < wanted:
            process = scene.start(scene.materials, place)
            moment, alone = rng.uniform(0.2, trials.undisturbed.seconds), rng.random() < 0.5
            try:
                outcome = problem_with(process.wait(moment), 0) or trials.compare(place)
            except subprocess.TimeoutExpired:
                kill(process, alone=alone)
                pending.append({"moment": round(moment, 2), "alone": alone})
                if lines := damaged(place):
                    outcome = f"damaged after the kill: {lines[0]}"
        outcome = outcome or trials.end(place)
        for each in pending:
            trials.journal.add("kills", scene.name, outcome, seed=trials.seed, **each)


def power(trials: Trials, number: int) -> None:
    """Truncate the newest files after a kill or the end; the command must repair them."""
    scene = trials.scene
    while trials.is_wanted("power", number):
        rng, place = trials.new_rng("power"), trials.new_folder()
        process = scene.start(scene.materials, place)
        try:
            process.wait(rng.uniform(0.5, 2.0) * trials.undisturbed.seconds)
        except subprocess.TimeoutExpired:
            kill(process, alone=False)
        cut = _cut_newest(place, trials.prepared_at, rng)
        outcome = trials.end(place, cut) if cut else NOT_NEEDED
        if outcome == EQUAL and not scene.reads_sweep:
            # `compare` must skip or report damaged files of older folders, which are not written again.
            compared = ("--no-plots", "--out", place / "compared")
            done = start_command("compare", place / "outputs", *compared).wait()
            outcome = problem_with(done, None) or outcome
        trials.journal.add("power", scene.name, outcome, seed=trials.seed, cut=cut)


def full(trials: Trials, number: int) -> None:
    """Run the command with less disk space than it needs, then with enough."""
    scene = trials.scene
    while trials.is_wanted("full", number):
        rng, place = trials.new_rng("full"), trials.folder / f"{scene.name}-full"
        needed = trials.undisturbed.num_bytes
        with mounted(place) as disk:
            scene.prepare(place)
            room = round(rng.uniform(0.0, 0.95) * needed)
            disk.leave(room)
            done = scene.run(place)
            disk.make_room()
            line = _disk_line(done)
            if done.returncode == 0:
                outcome = trials.compare(place)
                outcome = NOT_NEEDED if outcome == EQUAL else f"exit status 0, but {outcome}"
            else:
                outcome = problem_with(done, None) or _leftovers(place) or trials.end(place)
                outcome = REPORTED if outcome == EQUAL and line else outcome
                outcome = f"the disk is not reported: {done.stderr[-300:]}" if line is None else outcome
        trials.journal.add("full", scene.name, outcome, seed=trials.seed, room=room, needed=needed, line=line)


def read_only(trials: Trials, number: int) -> None:
    """Make a folder read-only, then writable again. A read-only cache alone must cause no failure."""
    scene = trials.scene
    for name in scene.places:
        if not trials.is_wanted("read-only", min(number, len(scene.places))):
            return
        if any(line.get("place") == name for line in trials.journal.lines if line["command"] == scene.name):
            continue
        place = trials.folder / f"{scene.name}-read-only"
        shutil.rmtree(place, ignore_errors=True)
        with mounted(place if name == "outputs" else place / "outputs" / name) as disk:
            scene.prepare(place)
            disk.allow_writing(False)
            done = scene.run(place)
            disk.allow_writing(True)
            line = _disk_line(done)
            if name == "cache":
                outcome = problem_with(done, 0) or trials.compare(place)
            else:
                outcome = problem_with(done, 1) or _leftovers(place) or trials.end(place)
                outcome = f"the disk is not reported: {done.stderr[-300:]}" if line is None else outcome
        trials.journal.add("read-only", scene.name, outcome, place=name, line=line)


def problem_with(done: subprocess.CompletedProcess[str], status: int | None) -> str | None:
    """Return what is wrong with the end of a command. status: the expected one; None allows any."""
    printed = done.stderr + done.stdout
    if "Traceback" in printed:
        return f"traceback: {printed[printed.index('Traceback') :][:2000]}"
    if status is not None and done.returncode != status:
        return f"exit status {done.returncode}: {(done.stdout + done.stderr)[-500:]}"
    if done.returncode and not done.stderr.strip():
        return f"exit status {done.returncode} without a message"
    return None


def _leftovers(place: Path) -> str | None:
    """Return what a command that ended by itself must not leave: damaged or unfinished files."""
    if lines := damaged(place):
        return f"damaged: {lines[0]}"
    unfinished = [path for path in place.rglob(".unfinished-*") if path.exists()]
    return f"{len(unfinished)} unfinished files left: {unfinished[0].name}" if unfinished else None


def _disk_line(done: subprocess.CompletedProcess[str]) -> str | None:
    """Return the first printed line that reports a full or read-only disk."""
    words = ("No space left", "disk is full", "Read-only file system", "readonly", "disk I/O error")
    lines = (done.stderr + done.stdout).splitlines()
    return next((line for line in lines if any(word in line for word in words)), None)


def _cut_newest(place: Path, since: float, rng: random.Random) -> list[str]:
    """Truncate the newest files, as a power failure does with unwritten data; returns their names."""
    sizes = {path: path.stat() for path in result_files(place) if path.suffix != ".sqlite"}
    written = [path for path, stat in sizes.items() if stat.st_size and stat.st_mtime >= since]
    written.sort(key=lambda path: sizes[path].st_mtime_ns)
    newest = written[-rng.randint(1, MAX_CUT_FILES) :]
    for path in newest:
        size = sizes[path].st_size
        with path.open("r+b") as file:
            file.truncate(rng.choice([0, size // 2, size - 1, rng.randrange(size)]))
    return [str(path.relative_to(place)) for path in newest]


def _num_bytes(folder: Path) -> int:
    """Count bytes in blocks of 4 KiB."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())
