"""A tune to an engraved score: one SVG that holds the whole tune and refers to nothing outside it."""

import contextlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from musicgen.notation.tune import ParsedTune
from musicgen.rendering.mei import to_mei
from musicgen.rendering.written_reader import read_written

_ENGRAVER = Path(__file__).with_name("engrave.py")
_MOST_WARNINGS = 5
_SECONDS_TO_END = 5.0
"""How long an engraver without work may take to end."""


@dataclass(frozen=True, slots=True)
class Score:
    """An engraved tune."""

    svg: str | None
    """None where nothing could be drawn."""
    problems: tuple[str, ...]
    """What was drawn otherwise than written, or why nothing was."""


class Engraver:
    """Draws one tune after another in a process of its own, which most of the time for one tune would go to.

    The process starts with the first tune, and again after a tune at which it died or took too long.
    """

    def __init__(self, timeout_seconds: float) -> None:
        """timeout_seconds: for each tune."""
        self._timeout_seconds = timeout_seconds
        self._program: _Program | None = None

    def __enter__(self) -> "Engraver":
        """Nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        if self._program is not None:
            self._program.end()

    def engrave(self, parsed: ParsedTune) -> Score:
        """Draw the first voice of a tune. Takes any text and raises nothing on its account.

        The engraver's messages are kept.
        """
        tune = read_written(parsed)
        if not any(event.notes for measure in tune.measures for event in measure.events):
            return Score(None, ("no note to draw", *tune.problems))
        program = self._program = self._program or _Program()
        try:
            svg = program.draw(to_mei(tune), self._timeout_seconds)
        except TimeoutError:
            self._program = None
            program.end(patience_seconds=0)
            return Score(None, (f"engraving took longer than {self._timeout_seconds:g} s", *tune.problems))
        if svg is None:
            self._program = None
            status, warnings = program.end()
            return Score(None, (f"the engraver ended with status {status}", *warnings, *tune.problems))
        return Score(_on_white(svg), (*program.warnings(), *tune.problems))


class _Program:
    """The running engraver."""

    def __init__(self) -> None:
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self._process = subprocess.Popen(
            # -P keeps this folder's module names out of the program's import path.
            [sys.executable, "-P", str(_ENGRAVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._tunes = self._process.stdin
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        # Not every system lets a program wait for a pipe for a limited time.
        self._listener = threading.Thread(
            target=_pass_on, args=(self._process.stdout, self._answers), daemon=True
        )
        self._listener.start()

    def draw(self, mei: str, timeout_seconds: float) -> str | None:
        """The SVG; None where the program ended instead. Raises TimeoutError."""
        self._messages.seek(0)
        self._messages.truncate()
        # A program that is gone shows in its answer.
        with contextlib.suppress(BrokenPipeError):
            line = json.dumps(mei.encode("utf-8", errors="replace").decode("utf-8"))
            self._tunes.write(line.encode("ascii") + b"\n")
            self._tunes.flush()
        try:
            answer = self._answers.get(timeout=timeout_seconds)
        except queue.Empty:
            raise TimeoutError from None
        return json.loads(answer) if answer else None

    def warnings(self) -> tuple[str, ...]:
        """The first of its messages about the latest tune, each once."""
        self._messages.seek(0)
        # Lines with a tab go into the details of the warning above them.
        lines = self._messages.read().decode("utf-8", errors="replace").splitlines()
        return tuple(dict.fromkeys(line for line in lines if "\t" not in line))[:_MOST_WARNINGS]

    def end(self, patience_seconds: float = _SECONDS_TO_END) -> tuple[int, tuple[str, ...]]:
        """End it, by force after some seconds; returns its exit status and its warnings."""
        with contextlib.suppress(BrokenPipeError):
            self._tunes.close()
        try:
            status = self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._listener.join()
        warnings = self.warnings()
        self._messages.close()
        return status, warnings


def _pass_on(answers: IO[bytes], to: "queue.SimpleQueue[bytes]") -> None:
    """Pass on every line, and at the end an empty one."""
    with answers:
        for answer in answers:
            to.put(answer)
    to.put(b"")


def _on_white(svg: str) -> str:
    """Put a white page behind the black notes, which a dark page would swallow."""
    assert svg.startswith("<svg")
    return svg.replace(">", '><rect width="100%" height="100%" style="fill:white;stroke:none"/>', 1)
