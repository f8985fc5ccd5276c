"""Reads the usable tunes of a corpus: cleaned, without duplicates, with near-duplicates grouped.

This takes most of a second for two thousand tunes and is the same for every run, so the result is cached.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter

from musicgen.corpus.config import DataConfig
from musicgen.corpus.sources import read_source
from musicgen.corpus.splits import near_duplicate_groups
from musicgen.corpus.tunebook import read_tunebook
from musicgen.corpus.tunes import MAX_TUNE_CHARACTERS, clean_tune, identity
from musicgen.errors import InputError
from musicgen.notation.headers import split_header
from musicgen.notation.lines import has_open_block
from musicgen.notation.melodies import Melody, keep_melodies, read_melody
from musicgen.system.cores import map_forked
from musicgen.system.files import keep_text, source_code

_TUNES_AT_ONCE = 5000
"""A corpus with more is read on several cores."""


@dataclass(frozen=True, slots=True)
class UsableTunes:
    """Tunes in the order of their files."""

    tunes: list[str]
    groups: list[int]
    """A group number for each tune; near-duplicates share it."""
    tunes_read: int
    dropped: dict[str, int]
    """Reason -> number of dropped tunes."""
    num_cut: int
    """Tunes read with more music below an empty line, which is dropped."""
    characters_read: int
    dropped_marks: dict[str, int]
    """Kind of mark outside the melody -> how many cleaning removed from the tunes read."""


def read_usable_tunes(config: DataConfig, cache_dir: Path | None = None) -> UsableTunes:
    """Read the corpus; `cache_dir`, if given, caches the result per text and cleaning settings.

    Raises InputError if the corpus is missing, empty, binary or has no tune.
    """
    text = read_source(config)
    path = None if cache_dir is None else cache_dir / f"tunes-{_key(text, config)}.json"
    known = None if path is None else _load(path)
    if known is not None:
        return known
    kept = frozenset(config.keep_fields)
    usable, melodies = _read(text, config.clean, kept, config.keep_chord_symbols, config.near_duplicate_share)
    if not usable.tunes_read:
        raise InputError(f"data.path={config.path}: no tune found; a tune starts with an X: field")
    if path is not None:
        # Metrics compare generated tunes with these melodies.
        keep_melodies(usable.tunes, melodies, path.parent)
        keep_text(path, json.dumps(asdict(usable)))
    return usable


# A sweep's plan reads every corpus before the cache folder exists.
@lru_cache(maxsize=4)
def _read(
    text: str,
    clean: bool,
    keep_fields: frozenset[str],
    keep_chord_symbols: bool,
    near_duplicate_share: float | None,
) -> tuple[UsableTunes, list[Melody]]:
    """The usable tunes with their melodies."""
    book = read_tunebook(text)
    complete = [tune for tune in book.tunes if not has_open_block(tune)]
    marks: Counter[str] = Counter()

    def read_part(tunes: Sequence[str]) -> tuple[list[_ReadTune | str], Counter[str]]:
        """The tunes as they are read, and the marks that cleaning dropped."""
        found: Counter[str] = Counter()
        if clean:
            tunes = [
                clean_tune(tune, keep_fields, keep_chord_symbols=keep_chord_symbols, dropped_marks=found)
                for tune in tunes
            ]
        return list(map(_read_tune, tunes)), found

    parts = [complete[start : start + _TUNES_AT_ONCE] for start in range(0, len(complete), _TUNES_AT_ONCE)]
    read_tunes: list[_ReadTune | str] = []
    for part, found in map_forked(read_part, parts):
        read_tunes += part
        marks += found
    tunes, melodies, dropped = _keep_usable(read_tunes)
    dropped |= book.dropped
    if len(complete) < len(book.tunes):
        dropped["with an unclosed text block"] = len(book.tunes) - len(complete)
    if near_duplicate_share is None:
        groups = list(range(len(tunes)))
    else:
        groups = near_duplicate_groups([melody.pitches for melody in melodies], near_duplicate_share)
    by_kind = dict(sorted(marks.items()))
    return UsableTunes(tunes, groups, book.num_read, dropped, book.num_cut, len(text), by_kind), melodies


def forget_read() -> None:
    """Free the texts and melodies that this process has read, several times the size of a corpus."""
    _read.cache_clear()


class _ReadTune(NamedTuple):
    text: str
    melody: Melody
    identity: bytes


def _read_tune(tune: str) -> _ReadTune | str:
    """The tune, or why it cannot be used."""
    if len(tune) > MAX_TUNE_CHARACTERS:
        return f"longer than {MAX_TUNE_CHARACTERS:,} characters"
    fields, body, _ = split_header(tune)
    melody = read_melody(fields, body)
    header = dict(reversed(fields))
    if "K" not in header:
        return "without key"
    if not len(melody):
        return "without notes"
    return _ReadTune(tune, melody, identity(body, melody, header.get("M")))


def _keep_usable(tunes: Iterable[_ReadTune | str]) -> tuple[list[str], list[Melody], dict[str, int]]:
    """The distinct tunes with notes; their melodies; and reason -> number of dropped tunes."""
    kept, melodies, seen = [], [], set()
    dropped: Counter[str] = Counter()
    for tune in tunes:
        if isinstance(tune, str):
            dropped[tune] += 1
        elif tune.identity in seen:
            dropped["duplicate"] += 1
        else:
            seen.add(tune.identity)
            kept.append(tune.text)
            melodies.append(tune.melody)
    return kept, melodies, dict(dropped)


def _key(text: str, config: DataConfig) -> str:
    """16 hexadecimal digits that depend on the text, the settings and the source code of the readers."""
    package = Path(__file__).parent
    digest = hashlib.sha256(source_code(package) + source_code(package.with_name("notation")))
    rules = [config.clean, config.keep_fields, config.keep_chord_symbols, config.near_duplicate_share]
    digest.update(json.dumps(rules).encode())
    digest.update(text.encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]


def _load(path: Path) -> UsableTunes | None:
    """The content of a cache file; None if it is missing or broken."""
    try:
        known = TypeAdapter(UsableTunes).validate_json(path.read_bytes(), strict=True)
    except (OSError, ValueError):
        return None
    return known if len(known.tunes) == len(known.groups) else None
