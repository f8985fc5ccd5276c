"""Parsed melodies against the notes that abc2midi plays, on real collections.

abc2midi expands repeats, plays grace notes and ornaments, shortens staccato notes and swings hornpipes, so
this file first removes these from the text, with its own patterns. The rest must agree in pitch and duration.
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
"""docs/evaluation.md lists each with its cause."""

_FIELD = re.compile(r"([A-Za-z]):(?![|:])")
_OTHER_VOICE = re.compile(r"\[?V:[2-9]")
_EXTRAS = re.compile(r'"[^"\n]*"|![^!\s|]*!|\{[^}\n]*\}|[~.HJLMOPRSTuv](?!:)')
_REPEATS = re.compile(r":+\[\|\]?|\|?\s*\[[0-9][0-9,\-]*|:+\|+:*[0-9]?|\|+:+|::+|\|[0-9]+|\[\||\|\]|\|\|")


def collection(name: str) -> list[str]:
    """The collection's tunes, each up to the next X: line. Skips the test if it is not available."""
    if name == "irish":
        data = os.environ.get("MUSICGEN_DATA_DIR")
        if data is None:
            pytest.skip("MUSICGEN_DATA_DIR, the folder of the course's irish.abc, is not set")
        files = [Path(data) / "irish.abc"]
    else:
        package = importlib.util.find_spec("music21")
        if package is None or not package.submodule_search_locations:
            pytest.skip("music21, which ships O'Neill's, Ryan's and Aird's collections, is not installed")
        files = sorted((Path(package.submodule_search_locations[0]) / "corpus" / name).glob("*.abc"))
    texts = [file.read_bytes().decode("utf-8", errors="replace").replace("\r", "") for file in files]
    return [part for text in texts for part in re.split(r"(?m)^(?=X:)", text) if part.startswith("X:")]


def without_performance(abc: str) -> str:
    """The tune without repeats, grace notes, ornaments and other voices, as abc2midi should play it."""
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
    """(pitch, duration in whole notes) as parsed, with tied notes joined."""
    melody: list[tuple[int, float]] = []
    is_tied = False
    for note in parse_tune(abc).notes:
        begun = melody.pop()[1] if is_tied else 0.0
        melody.append((note.pitch, begun + float(note.duration)))
        is_tied = note.tied
    return melody


def played_melody(conversion: Conversion) -> list[tuple[int, float]]:
    """(pitch, duration in whole notes) as abc2midi plays them; a chord is its top note.

    abc2midi rolls chords: their notes start slightly apart and end together.
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
    """Where the two melodies diverge, and the message of abc2midi; None if they agree."""
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
    """X: and T: of every chosen tune that disagrees -> how."""
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
def test_every_tune_except_documented_ones_agrees(name):
    found = compare(name, lambda tunes: tunes)
    kinds = Counter(re.sub(r"[0-9.]+", "N", text) for text in found.values())
    print(
        f"\n{name}: {len(found)} of {len(collection(name))} tunes disagree",
        *found.items(),
        *kinds.items(),
        sep="\n  ",
    )
    assert len(found) <= MAX_DISAGREEMENTS[name], found
