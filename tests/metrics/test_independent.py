"""The same numbers from independent programs: MusPy, pypianoroll, and abc2midi for bar lengths."""

from importlib import import_module
from itertools import accumulate

import numpy as np
import pytest

from musicgen.metrics import diversity
from musicgen.metrics.tunes import ScoredTune, read_tunes
from musicgen.notation import ParsedTune, convert, sounding_notes
from musicgen.notation.melodies import Melody

TICKS = 480
TOLERANCE = 0.003
"""In whole notes; abc2midi counts in 1/1920 and rounds every tuplet."""


@pytest.fixture(scope="module")
def melodies(oneills: list[str]) -> list[Melody]:
    return [tune.melody for tune in read_tunes(oneills[:60])]


def test_muspy_agrees_on_pitches(melodies: list[Melody]) -> None:
    # Import late, because it takes seconds.
    muspy = import_module("muspy")
    for melody in melodies:
        notes = [
            muspy.Note(time=TICKS * place, pitch=int(pitch), duration=TICKS)
            for place, pitch in enumerate(melody.pitches)
        ]
        music = muspy.Music(resolution=TICKS, tracks=[muspy.Track(notes=notes)])
        assert diversity.pitch_class_entropy([melody]) == pytest.approx(muspy.pitch_class_entropy(music))
        assert diversity.pitches_used([melody]) == muspy.n_pitches_used(music)
        assert diversity.pitch_range([melody]) == muspy.pitch_range(music)


def test_pypianoroll_agrees_on_pitches(melodies: list[Melody]) -> None:
    metrics = import_module("pypianoroll.metrics")
    for melody in melodies:
        roll = np.zeros((len(melody), 128), np.uint8)
        roll[np.arange(len(melody)), melody.pitches] = 100
        assert diversity.pitches_used([melody]) == metrics.n_pitches_used(roll)
        assert diversity.pitch_range([melody]) == metrics.pitch_range(roll)


def as_plain_bars(tune: ParsedTune) -> str | None:
    """The tune as bars of plain notes; None if a bar contains anything else.

    Without repeats, endings and ornaments, abc2midi plays every bar once. Rests would not show in its file,
    and ties would join bars.
    """
    texts = [bar.text for bar in tune.bars]
    if any(set(text) & set('&-{}"!+.~zxZX[]') for text in texts) or not all(bar.notes for bar in tune.bars):
        return None
    header = "".join(f"{field}:{value}\n" for field, value in tune.headers if field in "XMLK")
    return f"{header}{'|'.join(texts)}|\n"


def begins_of_bars(tune: ParsedTune) -> list[float]:
    """The start of each bar in whole notes: the sum of the bars before it."""
    return [float(begin) for begin in accumulate((bar.duration for bar in tune.bars), initial=0)][:-1]


def played_begins(text: str, tune: ParsedTune) -> list[float]:
    """When abc2midi plays the first note of each bar, in whole notes."""
    notes = sounding_notes(convert(text).midi or b"")
    assert len(notes) == len(tune.notes)
    firsts = accumulate((len(bar.notes) for bar in tune.bars), initial=0)
    return [notes[first].onset for first in list(firsts)[:-1]]


def test_abc2midi_agrees_on_the_start_of_bars(oneills: list[str]) -> None:
    sample: list[ScoredTune] = read_tunes(oneills[::3])
    num_bars = num_tunes = 0
    for tune in sample:
        text = as_plain_bars(tune.parsed)
        if text is None:
            continue
        begins = begins_of_bars(tune.parsed)
        assert played_begins(text, tune.parsed) == pytest.approx(begins, abs=TOLERANCE), tune.title
        num_tunes, num_bars = num_tunes + 1, num_bars + len(begins)
    assert num_tunes >= 25 and num_bars >= 400, (num_tunes, num_bars)
