"""MIDI to sound with a soundfont, and with a release at the end of every note.

The synthesiser of symusic 0.5.9 ignores the soundfont's release and silences notes within a millisecond,
which makes a click. So notes are distributed over stems, held a little longer, faded out, and mixed. Times
are in seconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from musicgen.errors import InputError
from musicgen.rendering.midi import in_seconds, read_score

if TYPE_CHECKING:
    from symusic.core import Synthesizer

# The synthesiser's interpolation quality; symusic 0.5.9 returns silence from 5.
_QUALITY = 4
_RELEASE_SECONDS = 0.15
_RELEASE_DECIBELS = 60.0
# The synthesiser must finish a note before the next one of the stem starts.
_GAP_SECONDS = 0.002
_MAX_STEMS = 8
_TICKS_PER_QUARTER = 480
_NOTE_TICKS = 10  # about 0.01 s


@dataclass(slots=True)
class Strike:
    """Notes that start and end together."""

    start: float
    end: float
    until: float
    """End of the release."""
    notes: tuple[tuple[int, int, int], ...]
    """(track, pitch, velocity)."""


def play(midi: bytes, soundfont: Path, sample_rate: int) -> NDArray[np.float32]:
    """Synthesise MIDI bytes at the soundfont's level; float32 of shape (frames, 2).

    Raises InputError for a soundfont that cannot be read.
    """
    from symusic.core import NoteSecond, NoteSecondList

    synthesizer = _synthesizer(soundfont, sample_rate)
    score = in_seconds(read_score(midi))
    found = sorted(
        (note.time, note.end, place, note.pitch, note.velocity)
        for place, track in enumerate(score.tracks)
        for note in track.notes
    )
    strikes = [
        Strike(start, end, end + _RELEASE_SECONDS, tuple(note[2:] for note in notes))
        for (start, end), notes in groupby(found, key=lambda note: note[:2])
    ]
    mix = np.zeros((2, 0), dtype=np.float32)
    for stem in deal(strikes):
        for place, track in enumerate(score.tracks):
            track.notes = NoteSecondList(
                [
                    NoteSecond(strike.start, strike.until - strike.start, pitch, velocity)
                    for strike in stem
                    for owner, pitch, velocity in strike.notes
                    if owner == place
                ]
            )
        sound = synthesizer.render(score, stereo=True)
        _release(sound, stem, sample_rate)
        mix = _sum(mix, sound)
    return np.ascontiguousarray(mix.T)


def scale(program: int, pitches: Iterable[int], velocities: Iterable[int]) -> bytes:
    """MIDI with a very short note for every pitch at every velocity."""
    from symusic.core import NoteTick, NoteTickList, ScoreTick, TrackTick

    track = TrackTick("", program, False)
    track.notes = NoteTickList(
        [
            NoteTick(_NOTE_TICKS * place, _NOTE_TICKS, pitch, velocity)
            for place, (pitch, velocity) in enumerate(product(pitches, velocities))
        ]
    )
    score = ScoreTick(_TICKS_PER_QUARTER)
    score.tracks.append(track)
    return score.dumps_midi()


# Cached, because it keeps the samples it has loaded, which take most of the time for the first tune.
@lru_cache(maxsize=1)
def _synthesizer(soundfont: Path, sample_rate: int) -> "Synthesizer":
    from symusic.core import Synthesizer

    try:
        return Synthesizer(str(soundfont), sample_rate, _QUALITY)
    except RuntimeError as error:
        raise InputError(f"rendering.soundfont: {soundfont} cannot be read: {error}") from error


def deal(strikes: list[Strike]) -> list[list[Strike]]:
    """Distribute strikes, sorted by start, over stems without overlaps.

    A strike goes to the stem that has been silent the longest. If that stem still sounds, a new one is
    opened, up to eight; after that, its last strike is cut short.
    """
    stems: list[list[Strike]] = []
    for strike in strikes:
        stem = min(stems, key=lambda stem: stem[-1].until, default=None)
        is_free = stem is not None and stem[-1].until + _GAP_SECONDS <= strike.start
        if stem is None or (not is_free and len(stems) < _MAX_STEMS):
            stem = []
            stems.append(stem)
        elif not is_free:
            last = stem[-1]
            last.until = max(last.start, min(last.until, strike.start - _GAP_SECONDS))
            last.end = min(last.end, last.until)
        stem.append(strike)
    return stems


def _release(sound: NDArray[np.float32], stem: list[Strike], sample_rate: int) -> None:
    """Fade every strike of a stem, shape (2, frames), in place, during its release."""
    for strike in stem:
        end, until = round(strike.end * sample_rate), round(strike.until * sample_rate)
        piece = sound[:, end:until]
        piece *= _fall(until - end)[: piece.shape[1]]
        # Silence the millisecond in which the synthesiser ends the note.
        sound[:, until : until + round(_GAP_SECONDS * sample_rate)] = 0.0


# Cached, because releases have few lengths and powers are slow.
@lru_cache
def _fall(num_frames: int) -> NDArray[np.float32]:
    return 10.0 ** np.linspace(0.0, -_RELEASE_DECIBELS / 20.0, num_frames, dtype=np.float32)


def _sum(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mix two sounds of shape (2, frames) into the longer one, in place."""
    shorter, longer = sorted((first, second), key=lambda sound: sound.shape[1])
    longer[:, : shorter.shape[1]] += shorter
    return longer
