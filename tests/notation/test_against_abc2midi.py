"""The melody read here against the notes that abc2midi plays, tune by tune on real collections.

abc2midi expands repeats, plays grace notes and ornaments, shortens staccato notes and swings hornpipes, so
these are taken out of the text first, by patterns of this file's own. What is left must agree in pitch and
duration.
`pytest tests/notation/test_against_abc2midi.py -m slow -s` prints every tune that disagrees and why.
"""

import importlib.util
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from musicgen.notation import Conversion, SoundingNote, convert, parse_tune, sounding_notes

TOLERANCE = 0.004
"""In whole notes: abc2midi ends a note one tick early, which is 1/1920."""
MAX_DISAGREEMENTS = {"irish": 2, "oneills1850": 9, "ryansMammoth": 5, "airdsAirs": 2}
"""docs/evaluation.md names each and its cause."""

_FIELD = re.compile(r"([A-Za-z]):(?![|:])")
_OTHER_VOICE = re.compile(r"\[?V:[2-9]")
_EXTRAS = re.compile(r'"[^"\n]*"|![^!\s|]*!|\{[^}\n]*\}|[~.HJLMOPRSTuv](?!:)')
_REPEATS = re.compile(r":+\[\|\]?|\|?\s*\[[0-9][0-9,\-]*|:+\|+:*[0-9]?|\|+:+|::+|\|[0-9]+|\[\||\|\]|\|\|")


def collection(name: str) -> list[str]:
    """The collection's tunes, each from its X: line to the next; skips the test where it is not at hand."""
    if name == "irish":
        data = os.environ.get("MUSICGEN_DATA_DIR")
        if data is None:
            pytest.skip("MUSICGEN_DATA_DIR is not set: it names the folder of the course's irish.abc")
        files = [Path(data) / "irish.abc"]
    else:
        package = importlib.util.find_spec("music21")
        if package is None or not package.submodule_search_locations:
            pytest.skip("music21 is not installed: it brings O'Neill's, Ryan's and Aird's collections")
        files = sorted((Path(package.submodule_search_locations[0]) / "corpus" / name).glob("*.abc"))
    texts = [file.read_bytes().decode("utf-8", errors="replace").replace("\r", "") for file in files]
    return [part for text in texts for part in re.split(r"(?m)^(?=X:)", text) if part.startswith("X:")]


def without_performance(abc: str) -> str:
    """The tune without repeats, grace notes, ornaments and further voices: abc2midi plays it as written."""
    lines: list[str] = []
    is_body = False
    for line in abc.rstrip().split("\n"):
        field = _FIELD.match(line)
        if line.startswith("%") or _OTHER_VOICE.match(line) or (field and field[1] in "PR"):
            continue
        is_music = is_body and not field
        lines.append(_REPEATS.sub("|", _EXTRAS.sub("", line)) if is_music else line)
        is_body = is_body or line.startswith("K:")
    return "\n".join(lines) + "\n"


def read_melody(abc: str) -> list[tuple[int, float]]:
    """(pitch, duration in whole notes) as this package reads them, tied notes joined."""
    melody: list[tuple[int, float]] = []
    is_tied = False
    for note in parse_tune(abc).notes:
        begun = melody.pop()[1] if is_tied else 0.0
        melody.append((note.pitch, begun + float(note.duration)))
        is_tied = note.tied
    return melody


def played_melody(conversion: Conversion) -> list[tuple[int, float]]:
    """(pitch, duration in whole notes) as abc2midi plays them, of a chord the top note.

    It rolls chords: their notes begin a little apart and end together.
    """
    melody: list[tuple[int, SoundingNote]] = []
    for note in sounding_notes(conversion.midi or b""):
        if melody and _is_one_chord(melody[-1][1], note):
            top, first = melody.pop()
            melody.append((max(top, note.pitch), first))
        else:
            melody.append((note.pitch, note))
    return [(pitch, note.duration) for pitch, note in melody]


def _is_one_chord(first: SoundingNote, second: SoundingNote) -> bool:
    ends = first.onset + first.duration, second.onset + second.duration
    return second.onset - first.onset < 0.03 and abs(ends[0] - ends[1]) < 0.002


def disagreement(abc: str) -> str | None:
    """Where the two melodies part and what abc2midi says; None where they agree."""
    read = read_melody(abc)
    conversion = convert(without_performance(abc))
    if conversion.midi is None:
        return f"no MIDI ({conversion.problem})" if read else None
    played = played_melody(conversion)
    said = f"abc2midi: {conversion.problem or 'no error'}"
    for number, ((pitch, duration), (played_pitch, played_duration)) in enumerate(
        zip(read, played, strict=False)
    ):
        if pitch != played_pitch:
            return f"note {number}: pitch {pitch}, played {played_pitch}; {said}"
        if abs(duration - played_duration) > TOLERANCE:
            return f"note {number}: lasts {duration:.4f}, played {played_duration:.4f}; {said}"
    return None if len(read) == len(played) else f"{len(read)} notes, played {len(played)}; {said}"


def compare(name: str, choose: Callable[[list[str]], list[str]]) -> dict[str, str]:
    """Number and title of every chosen tune that disagrees, and how."""
    found: dict[str, str] = {}
    for abc in choose(collection(name)):
        difference = disagreement(abc)
        if difference is not None:
            found[" ".join(abc.split("\n")[:2])] = difference
    return found


@pytest.mark.parametrize(
    ("name", "step"), [("irish", 16), ("oneills1850", 40), ("ryansMammoth", 40), ("airdsAirs", 40)]
)
def test_a_sample_of_tunes_agrees(name, step):
    found = compare(name, lambda tunes: tunes[3::step])
    assert len(found) <= 1, found


@pytest.mark.slow
@pytest.mark.parametrize("name", MAX_DISAGREEMENTS)
def test_every_tune_agrees_but_those_documented(name):
    found = compare(name, lambda tunes: tunes)
    kinds = Counter(re.sub(r"[0-9.]+", "N", text) for text in found.values())
    print(
        f"\n{name}: {len(found)} of {len(collection(name))} tunes disagree",
        *found.items(),
        *kinds.items(),
        sep="\n  ",
    )
    assert len(found) <= MAX_DISAGREEMENTS[name], found
