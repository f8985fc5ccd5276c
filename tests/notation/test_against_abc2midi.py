"""The melody read here against the notes that abc2midi plays, tune by tune on real collections.

abc2midi expands repeats, plays grace notes and ornaments and shortens staccato notes, so these are taken out of
the text first, by patterns of this file's own. What is left must agree in pitch, onset and duration.
`pytest tests/notation/test_against_abc2midi.py -m slow -s` prints every tune that disagrees.
"""

import importlib.util
import os
import re
from pathlib import Path

import pytest

from musicgen.notation import convert, parse_tune, sounding_notes

TOLERANCE = 0.004
"""In whole notes: abc2midi starts at tick 1, ends notes a tick early and plays chords as a quick arpeggio."""

_EXTRAS = re.compile(r'"[^"\n]*"|![^!\s|]*!|\{[^}\n]*\}|[~.HJLMOPRSTuv](?!:)')
_REPEATS = re.compile(r"\|?\s*\[[0-9][0-9,\-]*|:+\|+:*[0-9]?|\|+:+|::+|\|[0-9]+|\[\||\|\]|\|\|")
_NAMES = ("oneills1850", "ryansMammoth", "airdsAirs")


def _collection(name: str) -> list[str]:
    if name == "irish":
        folder = os.environ.get("MUSICGEN_DATA_DIR")
        if folder is None:
            pytest.skip("MUSICGEN_DATA_DIR is not set: it names the folder of the course's irish.abc")
        files = [Path(folder) / "irish.abc"]
    else:
        package = importlib.util.find_spec("music21")
        if package is None or not package.submodule_search_locations:
            pytest.skip("music21 is not installed: it brings O'Neill's, Ryan's and Aird's collections")
        files = sorted((Path(package.submodule_search_locations[0]) / "corpus" / name).glob("*.abc"))
    tunes: list[str] = []
    for file in files:
        text = file.read_bytes().decode("utf-8", errors="replace").replace("\r", "")
        tunes += [part.rstrip() for part in re.split(r"(?m)^(?=X:)", text) if part.startswith("X:")]
    return tunes


def _without_performance(abc: str) -> str:
    """The tune without repeats, grace notes and ornaments, so that abc2midi plays what is written."""
    lines = []
    is_body = False
    for line in abc.split("\n"):
        if re.match(r"[A-Za-z]:(?![|:])|%", line):
            lines.append("" if line[0] == "P" or line[0] == "%" else line)
            lines = lines if lines[-1] else lines[:-1]
            is_body = is_body or line.startswith("K:")
        elif is_body:
            lines.append(_REPEATS.sub("|", _EXTRAS.sub("", line)))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _read_here(abc: str) -> list[tuple[float, float, int]]:
    """(onset, duration, pitch) with tied notes joined, by this package."""
    heard: list[tuple[float, float, int]] = []
    onset = 0.0
    return heard


def _disagreement(abc: str) -> str | None:
    raise AssertionError
