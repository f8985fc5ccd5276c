"""The usable tunes of a corpus, before they are split: read, cleaned, each once, near-duplicates found.

It takes most of a second for two thousand tunes and is the same for every run on a corpus, so what comes out
is kept on disk.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from musicgen.corpus.config import DataConfig
from musicgen.corpus.sources import read_source
from musicgen.corpus.splits import near_duplicate_groups
from musicgen.corpus.tunebook import read_tunebook
from musicgen.corpus.tunes import MAX_TUNE_CHARACTERS, clean_tune, identity
from musicgen.errors import InputError
from musicgen.notation.headers import split_header
from musicgen.notation.lines import has_open_block
from musicgen.notation.melodies import Melody, keep_melodies, read_melodies
from musicgen.system.files import keep_text, source_code


@dataclass(frozen=True, slots=True)
class UsableTunes:
    """Tunes in the order of their files."""

    tunes: list[str]
    groups: list[int]
    """A number for each tune; near-duplicates share it."""
    tunes_read: int
    dropped: dict[str, int]
    """Reason -> number of tunes left out."""
    num_cut: int
    """Of the tunes read, those with more music below an empty line, which is left out."""
    characters_read: int


def read_usable_tunes(config: DataConfig, cache_dir: Path | None = None) -> UsableTunes:
    """Read the corpus; from `cache_dir`, if given, where the same text was read in the same way before.

    Raises InputError for a corpus that is missing, empty, binary or without a tune.
    """
    text = read_source(config)
    path = None if cache_dir is None else cache_dir / f"tunes-{_key(text, config)}.json"
    known = None if path is None else _load(path)
    if known is not None:
        return known
    usable, melodies = _read(text, config.clean, frozenset(config.keep_fields), config.near_duplicate_share)
    if not usable.tunes_read:
        raise InputError(f"data.path={config.path}: no tune found; a tune begins with a line X:")
    if path is not None:
        # Whoever compares tunes with these asks for them.
        keep_melodies(usable.tunes, melodies, path.parent)
        keep_text(path, json.dumps(asdict(usable)))
    return usable


# The plan of a sweep reads every corpus before there is a folder to keep it in.
@lru_cache(maxsize=4)
def _read(
    text: str, clean: bool, keep_fields: frozenset[str], near_duplicate_share: float | None
) -> tuple[UsableTunes, list[Melody]]:
    """The usable tunes with their melodies."""
    book = read_tunebook(text)
    whole = [tune for tune in book.tunes if not has_open_block(tune)]
    cleaned = [clean_tune(tune, keep_fields) if clean else tune for tune in whole]
    tunes, melodies, dropped = _keep_usable(cleaned)
    dropped |= book.dropped
    if len(whole) < len(book.tunes):
        dropped["with a text block that does not end"] = len(book.tunes) - len(whole)
    if near_duplicate_share is None:
        groups = list(range(len(tunes)))
    else:
        groups = near_duplicate_groups([melody.pitches for melody in melodies], near_duplicate_share)
    return UsableTunes(tunes, groups, book.num_read, dropped, book.num_cut, len(text)), melodies


def _keep_usable(tunes: Sequence[str]) -> tuple[list[str], list[Melody], dict[str, int]]:
    """The tunes with notes, each once; their melodies; and reason -> number of those left out."""
    kept, melodies, seen = [], [], set()
    dropped: Counter[str] = Counter()
    short = [tune for tune in tunes if len(tune) <= MAX_TUNE_CHARACTERS]
    if len(short) < len(tunes):
        dropped[f"longer than {MAX_TUNE_CHARACTERS:,} characters"] = len(tunes) - len(short)
    for tune, melody in zip(short, read_melodies(short), strict=True):
        fields, body, _ = split_header(tune)
        header = dict(reversed(fields))
        itself = identity(body, melody, header.get("M"))
        if "K" not in header:
            dropped["without key"] += 1
        elif not len(melody):
            dropped["without notes"] += 1
        elif itself in seen:
            dropped["duplicate"] += 1
        else:
            seen.add(itself)
            kept.append(tune)
            melodies.append(melody)
    return kept, melodies, dict(dropped)


def _key(text: str, config: DataConfig) -> str:
    """16 hexadecimal digits that differ for another text and for another way to read it."""
    package = Path(__file__).parent
    digest = hashlib.sha256(source_code(package) + source_code(package.with_name("notation")))
    rules = [config.clean, config.keep_fields, config.near_duplicate_share]
    digest.update(json.dumps([text, rules]).encode())
    return digest.hexdigest()[:16]


def _load(path: Path) -> UsableTunes | None:
    """What was kept; None where there is no file, or a file that is something else."""
    try:
        known = TypeAdapter(UsableTunes).validate_json(path.read_bytes(), strict=True)
    except (OSError, ValueError):
        return None
    return known if len(known.tunes) == len(known.groups) else None
