"""A tune to an engraved score: one SVG that holds the whole tune and refers to nothing outside it."""

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
        self._helper: IsolatedProgram | None = None

    def __enter__(self) -> "Engraver":
        """Nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the process."""
        if self._helper is not None:
            self._helper.end()

    def engrave(self, parsed: ParsedTune) -> Score:
        """Draw the first voice of a tune. Takes any text and raises nothing on its account.

        The engraver's messages are kept.
        """
        tune = read_sheet(parsed)
        if not any(event.notes for measure in tune.measures for event in measure.events):
            return Score(None, ("no note to draw", *tune.problems))
        helper = self._helper = self._helper or IsolatedProgram(_ENGRAVER, memory_bytes=_MAX_MEMORY_BYTES)
        try:
            svg = helper.ask(to_mei(tune).encode("utf-8", errors="replace"), self._timeout_seconds)
        except TimeoutError:
            self._helper = None
            helper.end(patience_seconds=0)
            return Score(None, (f"engraving took longer than {self._timeout_seconds:g} s", *tune.problems))
        if svg is None:
            self._helper = None
            status, messages = helper.end()
            ended = f"the engraver ended with status {status}"
            return Score(None, (ended, *_warnings(messages), *tune.problems))
        return Score(_on_white(svg.decode("utf-8")), (*_warnings(helper.messages()), *tune.problems))


def _warnings(messages: Sequence[str]) -> tuple[str, ...]:
    """The first of the engraver's messages, each once."""
    # Lines with a tab go into the details of the warning above them.
    return tuple(dict.fromkeys(line for line in messages if "\t" not in line))[:_MAX_WARNINGS]


def _on_white(svg: str) -> str:
    """Put a white page behind the black notes, which a dark page would swallow."""
    assert svg.startswith("<svg")
    return svg.replace(">", '><rect width="100%" height="100%" style="fill:white;stroke:none"/>', 1)
