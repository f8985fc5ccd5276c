"""What disturbs a command, and what must hold afterwards; docs/reliability.md says it in words."""

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
from tests.soak.scenes import Scene, kill, start_command
from tests.soak.whole import damaged, result_files

MOST_IN_A_FOLDER = 8
MOST_CUT_FILES = 8
_EARLIER = re.compile("outputs/(runs|sweeps|searches/soak/[0-9])")
FINE = ("as undisturbed", "told, then as undisturbed", "not needed")


@dataclass
class Book:
    """What happened, a line for each disturbance."""

    path: Path | None
    lines: list[dict[str, object]] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path | None) -> "Book":
        """Go on with what the file holds."""
        there = path is not None and path.is_file()
        return cls(
            path, [json.loads(line) for line in path.read_text().splitlines()] if path and there else []
        )

    def add(self, kind: str, command: str, outcome: str, **details: object) -> None:
        """Note one disturbance."""
        line = {"kind": kind, "command": command, "outcome": outcome, **details}
        self.lines.append(line)
        print(json.dumps(line), flush=True)
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")

    def count(self, kind: str, command: str) -> int:
        """How many there are."""
        return sum(line["kind"] == kind and line["command"] == command for line in self.lines)


@dataclass
class Trials:
    """The disturbances of one command."""

    scene: Scene
    folder: Path
    seed: int
    book: Book
    until: float
    """When no other folder is begun, by time.monotonic."""
    prepared_at: float = 0.0
    """When the command could begin to write, by time.time."""
    attempts: int = 0
    """Folders that were begun, those included that ended before anything disturbed them."""

    @cached_property
    def undisturbed(self) -> "Undisturbed":
        """The command, done once in peace."""
        place = self.folder / f"{self.scene.name}-undisturbed"
        shutil.rmtree(place, ignore_errors=True)
        self.scene.prepare(place)
        before = _num_bytes(place)
        started = time.monotonic()
        done = self.scene.start(self.scene.materials, place).wait()
        seconds = time.monotonic() - started
        lines = damaged(place)
        if done.returncode or lines:
            raise SystemExit(f"{self.scene.name}, undisturbed: {done.stdout}\n{done.stderr}\n{lines}")
        return Undisturbed(self.scene.results(place), seconds, _num_bytes(place) - before)

    def chance(self, kind: str) -> random.Random:
        """The random numbers of the next folder."""
        self.attempts += 1
        done = self.book.count(kind, self.scene.name)
        return random.Random(f"{self.seed} {kind} {self.scene.name} {done} {self.attempts}")

    def is_wanted(self, kind: str, number: int) -> bool:
        """Whether there is something to do, and time for it."""
        return self.book.count(kind, self.scene.name) < number and time.monotonic() < self.until

    def fresh(self) -> Path:
        """A folder as it is before the command."""
        place = self.folder / f"{self.scene.name}-disturbed"
        shutil.rmtree(place, ignore_errors=True)
        self.scene.prepare(place)
        self.prepared_at = time.time()
        return place

    def end(self, place: Path, cut: Sequence[str] = ()) -> str:
        """Run the command to its end; "as undisturbed", or what is wrong.

        cut: files that were damaged; those of earlier runs, which nobody makes again, may stay so.
        """
        done = self.scene.start(self.scene.materials, place).wait()
        return wrong_with(done, 0) or self.compare(place, cut)

    def compare(self, place: Path, cut: Sequence[str] = ()) -> str:
        """The same of a command that has ended well."""
        earlier = [name for name in cut if _EARLIER.match(name)]
        lines = [line for line in damaged(place) if line.partition(": ")[0] not in earlier]
        if lines:
            return f"damaged: {lines[0]}"
        try:
            results = self.scene.results(place)
        except Exception as error:
            return f"results cannot be read: {type(error).__name__}: {error}"
        whole = self.undisturbed.results
        different = sorted(
            name for name in whole.keys() | results.keys() if whole.get(name) != results.get(name)
        )
        return f"{len(different)} differ: {different[:3]}" if different else FINE[0]


@dataclass(frozen=True)
class Undisturbed:
    """What a command leaves that nobody disturbs."""

    results: dict[str, object]
    seconds: float
    num_bytes: int


def kills(trials: Trials, number: int) -> None:
    """Kill the command in one folder up to MOST_IN_A_FOLDER times, then let it end; again in the next."""
    scene = trials.scene
    while trials.is_wanted("kills", number):
        chance, place = trials.chance("kills"), trials.fresh()
        pending: list[dict[str, object]] = []
        wanted = min(MOST_IN_A_FOLDER, number - trials.book.count("kills", scene.name))
        outcome = None
        while outcome is None and len(pending) < wanted:
            process = scene.start(scene.materials, place)
            moment, alone = chance.uniform(0.2, trials.undisturbed.seconds), chance.random() < 0.5
            try:
                outcome = wrong_with(process.wait(moment), 0) or trials.compare(place)
            except subprocess.TimeoutExpired:
                kill(process, alone=alone)
                pending.append({"moment": round(moment, 2), "alone": alone})
                if lines := damaged(place):
                    outcome = f"damaged after the kill: {lines[0]}"
        outcome = outcome or trials.end(place)
        for each in pending:
            trials.book.add("kills", scene.name, outcome, seed=trials.seed, **each)


def power(trials: Trials, number: int) -> None:
    """Cut off the newest files after a kill or the end, and let the command put it right."""
    scene = trials.scene
    while trials.is_wanted("power", number):
        chance, place = trials.chance("power"), trials.fresh()
        process = scene.start(scene.materials, place)
        try:
            process.wait(chance.uniform(0.5, 2.0) * trials.undisturbed.seconds)
        except subprocess.TimeoutExpired:
            kill(process, alone=False)
        cut = _cut_newest(place, trials.prepared_at, chance)
        outcome = trials.end(place, cut) if cut else FINE[2]
        if outcome == FINE[0] and not scene.reads_sweep:
            # Older folders hold what nobody makes again: it is left out, or told.
            compared = ("--no-plots", "--out", place / "compared")
            told = start_command("compare", place / "outputs", *compared).wait()
            outcome = wrong_with(told, None) or outcome
        trials.book.add("power", scene.name, outcome, seed=trials.seed, cut=cut)


def full(trials: Trials, number: int) -> None:
    """Give the command less room than it needs, then enough."""
    scene = trials.scene
    while trials.is_wanted("full", number):
        chance, place = trials.chance("full"), trials.folder / f"{scene.name}-full"
        needed = trials.undisturbed.num_bytes
        with mounted(place) as disk:
            scene.prepare(place)
            room = round(chance.uniform(0.0, 0.95) * needed)
            disk.leave(room)
            done = scene.start(scene.materials, place).wait()
            disk.make_room()
            line = _line_of_disk(done)
            if done.returncode == 0:
                outcome = trials.compare(place)
                outcome = FINE[2] if outcome == FINE[0] else f"it ended well, but {outcome}"
            else:
                outcome = wrong_with(done, None) or _left_by(place) or trials.end(place)
                outcome = FINE[1] if outcome == FINE[0] and line else outcome
                outcome = f"no line tells of the disk: {done.stderr[-300:]}" if line is None else outcome
        trials.book.add("full", scene.name, outcome, seed=trials.seed, room=room, needed=needed, line=line)


def read_only(trials: Trials, number: int) -> None:
    """Forbid the command to write into a folder, then allow it. A cache alone is no reason to fail."""
    scene = trials.scene
    for name in scene.places:
        if not trials.is_wanted("read-only", min(number, len(scene.places))):
            return
        if any(line.get("place") == name for line in trials.book.lines if line["command"] == scene.name):
            continue
        place = trials.folder / f"{scene.name}-read-only"
        shutil.rmtree(place, ignore_errors=True)
        with mounted(place if name == "outputs" else place / "outputs" / name) as disk:
            scene.prepare(place)
            disk.allow_writing(False)
            done = scene.start(scene.materials, place).wait()
            disk.allow_writing(True)
            line = _line_of_disk(done)
            if name == "cache":
                outcome = wrong_with(done, 0) or trials.compare(place)
            else:
                outcome = wrong_with(done, 1) or _left_by(place) or trials.end(place)
            if line is None and name != "cache":
                outcome = f"no line tells of the disk: {done.stderr[-300:]}"
        trials.book.add("read-only", scene.name, outcome, place=name, line=line)


def wrong_with(done: subprocess.CompletedProcess[str], status: int | None) -> str | None:
    """What is wrong with how a command ended; None where nothing is. status: the one that it should have."""
    printed = done.stderr + done.stdout
    if "Traceback" in printed:
        return f"traceback: {printed[printed.index('Traceback') :][:2000]}"
    if status is not None and done.returncode != status:
        return f"exit status {done.returncode}: {(done.stdout + done.stderr)[-500:]}"
    if done.returncode and not done.stderr.strip():
        return f"exit status {done.returncode} without a word"
    return None


def _left_by(place: Path) -> str | None:
    """What a command that ended by itself should not have left."""
    if lines := damaged(place):
        return f"damaged: {lines[0]}"
    halves = [path for path in place.rglob(".unfinished-*") if path.exists()]
    return f"{len(halves)} halves of files left: {halves[0].name}" if halves else None


def _line_of_disk(done: subprocess.CompletedProcess[str]) -> str | None:
    """The first printed line that tells of a disk that takes nothing."""
    words = ("No space left", "disk is full", "Read-only file system", "readonly", "disk I/O error")
    lines = (done.stderr + done.stdout).splitlines()
    return next((line for line in lines if any(word in line for word in words)), None)


def _cut_newest(place: Path, since: float, chance: random.Random) -> list[str]:
    """Cut off the newest files, as a power cut does with what the disk has not taken yet; their names."""
    sizes = {path: path.stat() for path in result_files(place) if path.suffix != ".sqlite"}
    written = [path for path, stat in sizes.items() if stat.st_size and stat.st_mtime >= since]
    written.sort(key=lambda path: sizes[path].st_mtime_ns)
    newest = written[-chance.randint(1, MOST_CUT_FILES) :]
    for path in newest:
        size = sizes[path].st_size
        with path.open("r+b") as file:
            file.truncate(chance.choice([0, size // 2, size - 1, chance.randrange(size)]))
    return [str(path.relative_to(place)) for path in newest]


def _num_bytes(folder: Path) -> int:
    """In the blocks that they take."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())
