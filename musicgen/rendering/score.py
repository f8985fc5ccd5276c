"""Engraves a tune as one self-contained SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from musicgen.notation.tune import ParsedTune
from musicgen.rendering.isolated import IsolatedProgram
from musicgen.rendering.mei import to_mei
from musicgen.rendering.sheet_reader import read_sheet

_ENGRAVER = Path(__file__).with_name("engrave.py")
_MAX_WARNINGS = 5
_MAX_MEMORY_BYTES = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Score:
    """An engraved tune."""

    svg: str | None
    """None if nothing could be drawn."""
    problems: tuple[str, ...]
    """Differences from the text, or why there is no score."""


class Engraver:
    """Engraves tunes in a separate process, which is reused because starting it takes most of the time.

    The process starts with the first tune, and again after a tune that crashes it or takes too long.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._program: IsolatedProgram | None = None

    def __enter__(self) -> "Engraver":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._program is not None:
            self._program.end()

    def engrave(self, parsed: ParsedTune) -> Score:
        """Engrave the first voice of a tune. Accepts any text; problems include the engraver's messages."""
        tune = read_sheet(parsed)
        if not any(event.notes for measure in tune.measures for event in measure.events):
            return Score(None, ("no note to draw", *tune.problems))
        program = self._program = self._program or IsolatedProgram(_ENGRAVER, memory_bytes=_MAX_MEMORY_BYTES)
        try:
            svg = program.ask(to_mei(tune).encode("utf-8", errors="replace"), self._timeout_seconds)
        except TimeoutError:
            self._program = None
            program.end(patience_seconds=0)
            return Score(None, (f"engraving took longer than {self._timeout_seconds:g} s", *tune.problems))
        if svg is None:
            self._program = None
            status, messages = program.end()
            ended = f"the engraver exited with status {status}"
            return Score(None, (ended, *_warnings(messages), *tune.problems))
        return Score(_on_white(svg.decode("utf-8")), (*_warnings(program.messages()), *tune.problems))


def _warnings(messages: Sequence[str]) -> tuple[str, ...]:
    """The first distinct messages of the engraver."""
    # Lines with a tab are details of the warning above them.
    return tuple(dict.fromkeys(line for line in messages if "\t" not in line))[:_MAX_WARNINGS]


def _on_white(svg: str) -> str:
    """Add a white background, because black notes are invisible on a dark page."""
    assert svg.startswith("<svg")
    return svg.replace(">", '><rect width="100%" height="100%" style="fill:white;stroke:none"/>', 1)
