"""MIDI to sound through a soundfont, with notes that ring out instead of stopping dead.

The synthesiser of symusic 0.5.9 silences every note within a millisecond of its end, whatever release the
soundfont asks for: each note ends in a click. So notes are dealt out to stems in turn, held a moment longer,
faded in that moment, and mixed. Times are in seconds.
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

# The synthesiser's interpolation; from 5 on symusic 0.5.9 gives silence.
_QUALITY = 4
_RELEASE_SECONDS = 0.15
_RELEASE_DECIBELS = 60.0
# The synthesiser's own end of a note has to pass before the stem's next note starts.
_GAP_SECONDS = 0.002
_MAX_STEMS = 8
_COMMON_PITCHES = range(55, 88)
"""MIDI numbers: of a fiddle in the first position, and a little more."""
_VELOCITY, _TICKS_A_QUARTER = 80, 480
_NOTE_TICKS = 10
"""About a hundredth of a second."""


@dataclass(slots=True)
class Strike:
    """Notes that start and end together."""

    start: float
    end: float
    until: float
    """Where its release is over."""
    notes: tuple[tuple[int, int, int], ...]
    """(track, pitch, velocity)."""


def play(midi: bytes, soundfont: Path, sample_rate: int) -> NDArray[np.float32]:
    """The sound of MIDI bytes, at the soundfont's own level; float32 of shape (frames, 2).

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


def load_samples(soundfont: Path, sample_rate: int, program: int) -> None:
    """Read what most tunes are played with, for this process and those that are forked from it.

    Raises InputError for a soundfont that cannot be read.
    """
    score = in_seconds(read_score(scale(program, _COMMON_PITCHES)))
    _synthesizer(soundfont, sample_rate).render(score, stereo=True)


def scale(program: int, pitches: Iterable[int], velocities: Iterable[int] = (_VELOCITY,)) -> bytes:
    """The MIDI of very short notes one after the other: every pitch at every velocity."""
    from symusic.core import NoteTick, NoteTickList, ScoreTick, TrackTick

    track = TrackTick("", program, False)
    track.notes = NoteTickList(
        [
            NoteTick(_NOTE_TICKS * place, _NOTE_TICKS, pitch, velocity)
            for place, (pitch, velocity) in enumerate(product(pitches, velocities))
        ]
    )
    score = ScoreTick(_TICKS_A_QUARTER)
    score.tracks.append(track)
    return score.dumps_midi()


# It reads every note's sample once and keeps it: most of the time that the first tune takes.
@lru_cache(maxsize=1)
def _synthesizer(soundfont: Path, sample_rate: int) -> "Synthesizer":
    from symusic.core import Synthesizer

    try:
        return Synthesizer(str(soundfont), sample_rate, _QUALITY)
    except RuntimeError as error:
        raise InputError(f"rendering.soundfont: {soundfont} cannot be read: {error}") from error


def deal(strikes: list[Strike]) -> list[list[Strike]]:
    """Deal strikes, in order of their starts, to stems in which no two sound at once.

    A strike takes the stem that has been silent for longest. Where that stem still rings, a new stem is
    opened while there are fewer than eight; after that the ringing one is cut short.
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
    """Fade every strike of a stem, shape (2, frames), in place, from its end to the end of its release."""
    for strike in stem:
        end, until = round(strike.end * sample_rate), round(strike.until * sample_rate)
        piece = sound[:, end:until]
        piece *= _fall(until - end)[: piece.shape[1]]
        # The millisecond after `until`, in which the synthesiser ends the note.
        sound[:, until : until + round(_GAP_SECONDS * sample_rate)] = 0.0


# Releases have few lengths, and powers take longer than all else about them.
@lru_cache
def _fall(num_frames: int) -> NDArray[np.float32]:
    return 10.0 ** np.linspace(0.0, -_RELEASE_DECIBELS / 20.0, num_frames, dtype=np.float32)


def _sum(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mix two sounds of shape (2, frames) that may differ in length, into the longer one's memory."""
    shorter, longer = sorted((first, second), key=lambda sound: sound.shape[1])
    longer[:, : shorter.shape[1]] += shorter
    return longer
