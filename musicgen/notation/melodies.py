"""Melodies as integer arrays, and a cache on disk for those of a corpus, which take seconds to parse.

A melody is the tune as written: repeats are not expanded, tied notes count separately, rests are left out.
"""

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musicgen.notation.bars import MelodyReader
from musicgen.notation.headers import split_header
from musicgen.notation.parsing import open_reader
from musicgen.notation.problems import Problems
from musicgen.notation.tune import ParsedTune
from musicgen.system.files import keep, source_code

Integers = NDArray[np.int64]

_DURATION_LIMIT = 2**20
_TEXT_END = b"\xff"
"""A byte that no text contains."""


@dataclass(frozen=True, slots=True)
class Melody:
    """The notes of one tune; arrays of shape (notes,)."""

    pitches: Integers
    """MIDI numbers, 0 to 127."""
    durations: Integers
    """A code per duration in whole notes: numerator · 2²⁰ + denominator. Equal durations have equal codes."""
    tonic: int
    """Pitch class of the tonic of K:; 0 is C."""

    @property
    def intervals(self) -> Integers:
        """Semitones from each note to the next, shape (notes - 1,)."""
        # Five times faster than np.diff for one tune; an index does this for thousands.
        return self.pitches[1:] - self.pitches[:-1]

    def __len__(self) -> int:
        return len(self.pitches)


def melody_of(parsed: ParsedTune) -> Melody:
    """The notes in the order of the text."""
    notes = parsed.notes
    return _melody([note.pitch for note in notes], [note.duration for note in notes], parsed.tonic)


def read_melody(headers: Sequence[tuple[str, str]], body: str) -> Melody:
    """The melody of a tune, given as `split_header` returns it; equals that of the parsed tune."""
    reader, key = open_reader(MelodyReader, headers, Problems())
    reader.read(body)
    notes = [sound for sound in reader.sounds() if sound.pitch is not None]
    return _melody([note.pitch for note in notes], [note.duration for note in notes], key.tonic)


def _melody(pitches: Sequence[int | None], durations: Sequence[Fraction], tonic: int) -> Melody:
    # Notes share few durations, and comparing or hashing a Fraction takes longer than reading it.
    places = list(map(id, durations))
    codes = {place: _duration_code(one) for place, one in dict(zip(places, durations, strict=True)).items()}
    return Melody(np.array(pitches, np.int64), np.array([codes[place] for place in places], np.int64), tonic)


def read_melodies(texts: Sequence[str], cache_dir: Path | None = None) -> list[Melody]:
    """The melody of the first tune of each text, cached in `cache_dir` if given."""
    if cache_dir is None:
        return _read_all(texts)
    known = _load(_path(texts, cache_dir), len(texts))
    if known is not None:
        return known
    melodies = _read_all(texts)
    keep_melodies(texts, melodies, cache_dir)
    return melodies


def _read_all(texts: Sequence[str]) -> list[Melody]:
    return [read_melody(headers, body) for headers, body, _ in map(split_header, texts)]


def _duration_code(duration: Fraction) -> int:
    """Exact for durations of real music; fractions beyond 2²⁰ wrap around."""
    return duration.numerator % _DURATION_LIMIT * _DURATION_LIMIT + duration.denominator % _DURATION_LIMIT


def _path(texts: Sequence[str], cache_dir: Path) -> Path:
    """The cache file; its name depends on the texts and on the source code of this package."""
    digest = hashlib.sha256(source_code(Path(__file__).parent))
    for text in texts:
        digest.update(text.encode(errors="surrogatepass") + _TEXT_END)
    return cache_dir / f"melodies-{digest.hexdigest()[:16]}.npz"


def keep_melodies(texts: Sequence[str], melodies: Sequence[Melody], cache_dir: Path) -> None:
    """Write the cache file of `read_melodies`: concatenated melodies, and the end of each."""
    nothing = np.zeros(0, np.int64)
    arrays = {
        "pitches": np.concatenate([nothing, *(melody.pitches for melody in melodies)]).astype(np.uint8),
        "durations": np.concatenate([nothing, *(melody.durations for melody in melodies)]),
        "ends": np.cumsum([len(melody) for melody in melodies], dtype=np.int64),
        "tonics": np.array([melody.tonic for melody in melodies], np.uint8),
    }
    keep(_path(texts, cache_dir), lambda file: np.savez(file, **arrays))


def _load(path: Path, num_melodies: int) -> list[Melody] | None:
    """The content of a cache file; None if it is missing or broken."""
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
