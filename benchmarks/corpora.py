"""The tunes of the benchmarks: the default corpus as a run splits it, and stand-ins for large corpora.

    python -m benchmarks.corpora MEGABYTES FILE

Writes a stand-in of at least that size, and prints its number of tunes.
"""

import random
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from musicgen.config import compose_config
from musicgen.corpus.corpus import Corpus, load_corpus, training_text
from musicgen.corpus.sources import is_at_hand
from musicgen.corpus.usable import read_usable_tunes
from musicgen.notation.degrees import from_degrees, to_degrees

SOURCES = ("oneills", "ryans", "airds", "irish")
"""Corpora of dance tunes whose tunes are varied; the last one only if it is on this machine."""
SETTING_SHARE = 0.58
CHANGED_SHARE = 0.25
SETTING_CHANGE_SHARE = 0.15
NUM_RECENT = 5000
"""Tunes of which settings are written."""
TONICS = "DGACEBF"
_NOTES = "CDEFGABcdefgab"
_BAR_LINE = re.compile(r"(:*\[?\|[|\]]*:*\d?|::|\[\d)")


@cache
def default_corpus() -> Corpus:
    """O'Neill's from music21's files, uncleaned, as `experiment=lab` reads it."""
    return load_corpus(compose_config(["experiment=lab"]).data)


@cache
def training_tokens() -> np.ndarray:
    """The training text of the default corpus, int64 [number of characters]."""
    corpus = default_corpus()
    return corpus.vocabulary.encode(training_text(corpus.part("train")))


def repeated_tokens(num_characters: int) -> np.ndarray:
    """A text of this length, int64: the training text again and again. A step depends on its length alone."""
    return np.resize(training_tokens(), num_characters)


def describe_corpus() -> str:
    """The default corpus's name and size."""
    corpus = default_corpus()
    return (
        f"{corpus.name} ({len(corpus.part('train')):,} training tunes, {len(training_tokens()):,} "
        f"characters, a vocabulary of {corpus.vocabulary.size})"
    )


@dataclass(frozen=True)
class _Pattern:
    """A tune to vary: its header, and its body in degrees, divided at the bar lines."""

    title: str
    fields: str
    """The lines of its header between T: and K:."""
    meter: str
    """Its M: and L: lines: tunes that have them in common exchange bars."""
    mode: str
    """What follows the tonic in its K: field."""
    pieces: tuple[str, ...]
    """Bars and bar lines by turns; a bar may be empty."""
    inner: frozenset[int]
    """Places of the bars between two plain bar lines, which fill the meter."""


def write_varied_corpus(path: Path, megabytes: float, seed: int = 0) -> int:
    """Write at least this much ABC, a stand-in for a large corpus; returns the number of tunes.

    A tune has the form of a real one, in another key, with another title and with inner bars drawn from all
    tunes of its meter, of which every fourth has a changed note. So no two tunes are near-duplicates, except
    settings: SETTING_SHARE of the tunes are earlier ones with some bars changed, as on thesession.org, where
    a tune has 2.4 settings on average. The real tunes are those of SOURCES that are on this machine.
    """
    rng = random.Random(seed)
    patterns = _patterns()
    bars: dict[str, list[str]] = {}
    for pattern in patterns:
        bars.setdefault(pattern.meter, []).extend(pattern.pieces[place].strip() for place in pattern.inner)
    words = sorted({word for pattern in patterns for word in pattern.title.split()})
    recent: list[_Pattern] = []
    number, left = 0, megabytes * 1e6
    with path.open("w", encoding="utf-8") as file:
        while left > 0:
            number += 1
            if recent and rng.random() < SETTING_SHARE:
                tune = _changed(rng.choice(recent), SETTING_CHANGE_SHARE, rng)
            else:
                tune = _redrawn(rng.choice(patterns), bars, words, rng)
                if len(recent) < NUM_RECENT:
                    recent.append(tune)
                else:
                    recent[number % NUM_RECENT] = tune
            text = f"X:{number}\n{_written(tune, rng.choice(TONICS))}\n\n"
            left -= len(text.encode())
            file.write(text)
    return number


def _patterns() -> list[_Pattern]:
    configs = [compose_config([f"data={name}"]).data for name in SOURCES]
    tunes = [tune for config in configs if is_at_hand(config) for tune in read_usable_tunes(config).tunes]
    return [pattern for pattern in map(_pattern, tunes) if pattern is not None]


def _pattern(tune: str) -> _Pattern | None:
    """None for a tune that changes key or meter, or has no bar to exchange."""
    header, key, body = re.split(r"(?m)^K:(.*)\n", to_degrees(tune), maxsplit=1)
    mode = re.match(r"[A-G][#b]?(.*)", key)
    if mode is None or ":" in _BAR_LINE.sub("", body):
        return None
    lines = header.split("\n")
    title = next((line[2:] for line in lines if line.startswith("T:")), "")
    pieces = tuple(_BAR_LINE.split(body))
    inner = [place for place in range(2, len(pieces) - 2, 2) if pieces[place - 1] == pieces[place + 1] == "|"]
    fields, meter = (
        "\n".join(line for line in lines if line[:2] in kinds) for kinds in (("R:", "M:", "L:"), ("M:", "L:"))
    )
    return _Pattern(title, fields, meter, mode[1], pieces, frozenset(inner)) if inner else None


def _redrawn(
    pattern: _Pattern, bars: Mapping[str, Sequence[str]], words: Sequence[str], rng: random.Random
) -> _Pattern:
    """The tune with other inner bars and another title. Equal bars stay equal."""
    drawn: dict[str, str] = {}
    pieces = list(pattern.pieces)
    for place in pattern.inner:
        old = pieces[place].strip()
        if old not in drawn:
            drawn[old] = rng.choice(bars[pattern.meter])
            if rng.random() < CHANGED_SHARE:
                drawn[old] = _moved_note(drawn[old], rng)
        pieces[place] = pieces[place].replace(old, drawn[old]) if old else drawn[old]
    return replace(pattern, title=" ".join(rng.sample(words, 3)), pieces=tuple(pieces))


def _changed(pattern: _Pattern, share: float, rng: random.Random) -> _Pattern:
    """The tune with a changed note in this share of its bars."""
    pieces = [
        _moved_note(piece, rng) if place % 2 == 0 and rng.random() < share else piece
        for place, piece in enumerate(pattern.pieces)
    ]
    return replace(pattern, pieces=tuple(pieces))


def _moved_note(bar: str, rng: random.Random) -> str:
    """The bar with one of its notes a step higher or lower."""
    places = [place for place, character in enumerate(bar) if character in _NOTES]
    if not places:
        return bar
    place = rng.choice(places)
    moved = _NOTES[min(max(_NOTES.index(bar[place]) + rng.choice((-1, 1)), 0), len(_NOTES) - 1)]
    return f"{bar[:place]}{moved}{bar[place + 1 :]}"


def _written(tune: _Pattern, tonic: str) -> str:
    """The ABC text in this key, without X:."""
    return from_degrees(
        f"T:{tune.title}\n{tune.fields}\nK:{tonic}{tune.mode}\n{''.join(tune.pieces)}"
    ).strip()


if __name__ == "__main__":
    print(write_varied_corpus(Path(sys.argv[2]), float(sys.argv[1])))
