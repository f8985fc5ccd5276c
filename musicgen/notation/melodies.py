"""Melodies as arrays of numbers, and those of a whole corpus kept on disk, where reading them takes seconds.

A melody is the tune as written: repeats not expanded, tied notes counted one by one, rests left out.
"""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musicgen.notation.parsing import parse_tune
from musicgen.notation.tune import ParsedTune
from musicgen.system.files import keep, source_code

Integers = NDArray[np.int64]

_DURATION_LIMIT = 2**20


@dataclass(frozen=True, slots=True)
class Melody:
    """The notes of one tune, each array of shape (notes,)."""

    pitches: Integers
    """MIDI numbers, 0 to 127."""
    durations: Integers
    """One code for each duration, equal where the durations are: numerator · 2²⁰ + denominator."""
    tonic: int
    """Pitch class of the tonic of K:, 0 is C."""

    @property
    def intervals(self) -> Integers:
        """Semitones from each note to the next, shape (notes - 1,)."""
        # np.diff takes five times as long for a tune, and an index asks it of thousands.
        return self.pitches[1:] - self.pitches[:-1]

    def __len__(self) -> int:
        return len(self.pitches)


def melody_of(parsed: ParsedTune) -> Melody:
    """The numbers of a parsed tune."""
    notes = parsed.notes
    pitches = np.fromiter((note.pitch for note in notes), np.int64, len(notes))
    durations = np.fromiter((_duration_code(note.duration) for note in notes), np.int64, len(notes))
    return Melody(pitches, durations, parsed.tonic)


def read_melodies(texts: Sequence[str], cache_dir: Path | None = None) -> list[Melody]:
    """The melody of the first tune of each text; from `cache_dir` where the same texts were read before."""
    if cache_dir is None:
        return [melody_of(parse_tune(text)) for text in texts]
    known = _load(_path(texts, cache_dir), len(texts))
    if known is not None:
        return known
    melodies = [melody_of(parse_tune(text)) for text in texts]
    keep_melodies(texts, melodies, cache_dir)
    return melodies


def _duration_code(duration: Fraction) -> int:
    """Exact for every duration of real music; hostile fractions wrap around and stay integers."""
    return duration.numerator % _DURATION_LIMIT * _DURATION_LIMIT + duration.denominator % _DURATION_LIMIT


def _path(texts: Sequence[str], cache_dir: Path) -> Path:
    """A name with 16 hexadecimal digits that differ for other texts and for another way to read them."""
    digest = hashlib.sha256(source_code(Path(__file__).parent))
    digest.update(json.dumps(list(texts)).encode())
    return cache_dir / f"melodies-{digest.hexdigest()[:16]}.npz"


def keep_melodies(texts: Sequence[str], melodies: Sequence[Melody], cache_dir: Path) -> None:
    """Write for `read_melodies` what it would find: all melodies one after the other, and where each ends."""
    nothing = np.zeros(0, np.int64)
    arrays = {
        "pitches": np.concatenate([nothing, *(melody.pitches for melody in melodies)]).astype(np.uint8),
        "durations": np.concatenate([nothing, *(melody.durations for melody in melodies)]),
        "ends": np.cumsum([len(melody) for melody in melodies], dtype=np.int64),
        "tonics": np.array([melody.tonic for melody in melodies], np.uint8),
    }
    keep(_path(texts, cache_dir), lambda file: np.savez(file, **arrays))


def _load(path: Path, num_melodies: int) -> list[Melody] | None:
    """What `keep_melodies` wrote; None where there is no file, or a file that is something else."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            pitches = stored["pitches"].astype(np.int64)
            durations, ends, tonics = stored["durations"], stored["ends"], stored["tonics"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if not len(ends) == len(tonics) == num_melodies:
        return None
    return [
        Melody(pitches[start:end], durations[start:end], tonic)
        for (start, end), tonic in zip(pairwise([0, *ends.tolist()]), tonics.tolist(), strict=True)
    ]
