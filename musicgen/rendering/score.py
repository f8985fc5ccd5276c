"""A tune to an engraved score: one SVG that holds the whole tune and refers to nothing outside it."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from musicgen.notation.tune import ParsedTune
from musicgen.rendering.mei import to_mei
from musicgen.rendering.written_reader import read_written

_ENGRAVER = Path(__file__).with_name("engrave.py")
_MOST_WARNINGS = 5


@dataclass(frozen=True, slots=True)
class Score:
    """An engraved tune."""

    svg: str | None
    """None where nothing could be drawn."""
    problems: tuple[str, ...]
    """What was drawn otherwise than written, or why nothing was."""


def engrave(parsed: ParsedTune, timeout_seconds: float) -> Score:
    """Draw the first voice of a tune. Takes any text and raises nothing on its account.

    The engraver runs in its own process, which is ended after `timeout_seconds`. Its messages are kept.
    """
    tune = read_written(parsed)
    if not any(event.notes for measure in tune.measures for event in measure.events):
        return Score(None, ("no note to draw", *tune.problems))
    try:
        # -P keeps this folder's module names out of the program's import path.
        result = subprocess.run(
            [sys.executable, "-P", str(_ENGRAVER)],
            input=to_mei(tune).encode("utf-8", errors="replace"),
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Score(None, (f"engraving took longer than {timeout_seconds:g} s", *tune.problems))
    # Lines with a tab go into the details of the warning above them.
    lines = result.stderr.decode("utf-8", errors="replace").splitlines()
    warnings = tuple(dict.fromkeys(line for line in lines if "\t" not in line))[:_MOST_WARNINGS]
    if result.returncode != 0 or not result.stdout:
        return Score(None, (f"the engraver ended with status {result.returncode}", *warnings, *tune.problems))
    return Score(_on_white(result.stdout.decode("utf-8")), (*warnings, *tune.problems))


def _on_white(svg: str) -> str:
    """Put a white page behind the black notes, which a dark page would swallow."""
    assert svg.startswith("<svg")
    return svg.replace(">", '><rect width="100%" height="100%" style="fill:white;stroke:none"/>', 1)
