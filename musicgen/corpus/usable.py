"""The usable tunes of a corpus, before they are split: read, cleaned, each once, near-duplicates found.

It takes most of a second for two thousand tunes and is the same for every run on a corpus, so what comes out
is kept on disk.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from musicgen.corpus.config import DataConfig
from musicgen.corpus.sources import read_source
from musicgen.corpus.splits import near_duplicate_groups
from musicgen.corpus.tunes import clean_tune, normalised_body, split_tunes
from musicgen.errors import InputError
from musicgen.files import source_code, write_text_atomically
from musicgen.notation.headers import header_field
from musicgen.notation.melodies import Integers, read_melodies


@dataclass(frozen=True, slots=True)
class UsableTunes:
    """Tunes in the order of their files."""

    tunes: list[str]
    groups: list[int]
    """A number for each tune; near-duplicates share it."""
    tunes_read: int
    dropped: dict[str, int]
    """Reason -> number of tunes left out."""
    characters_read: int


def read_usable_tunes(config: DataConfig, cache_dir: Path | None = None) -> UsableTunes:
    """Read the corpus; from `cache_dir`, if given, where the same text was read in the same way before.

    Raises InputError for a corpus that is missing, empty, binary or without a tune.
    """
    text = read_source(config)
    if cache_dir is None:
        return _read(text, config)
    path = cache_dir / f"tunes-{_key(text, config)}.json"
    known = _load(path)
    if known is None:
        known = _read(text, config)
        cache_dir.mkdir(parents=True, exist_ok=True)
        write_text_atomically(path, json.dumps(asdict(known)))
    return known


def _read(text: str, config: DataConfig) -> UsableTunes:
    read = split_tunes(text)
    if not read:
        raise InputError(f"data.path={config.path}: no tune found; a tune begins with a line X:")
    cleaned = [clean_tune(tune, frozenset(config.keep_fields)) if config.clean else tune for tune in read]
    tunes, melodies, dropped = _keep_usable(cleaned)
    if config.near_duplicate_share is None:
        groups = list(range(len(tunes)))
    else:
        groups = near_duplicate_groups(melodies, config.near_duplicate_share)
    return UsableTunes(tunes, groups, len(read), dropped, len(text))


def _keep_usable(tunes: Sequence[str]) -> tuple[list[str], list[Integers], dict[str, int]]:
    """The tunes with notes, each body once; their MIDI pitches; and reason -> number of those left out."""
    kept, melodies, seen = [], [], set()
    dropped: Counter[str] = Counter()
    for tune, melody in zip(tunes, read_melodies(tunes), strict=True):
        body = normalised_body(tune)
        if header_field(tune, "K") is None:
            dropped["without key"] += 1
        elif not len(melody):
            dropped["without notes"] += 1
        elif body in seen:
            dropped["duplicate"] += 1
        else:
            seen.add(body)
            kept.append(tune)
            melodies.append(melody.pitches)
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
        return UsableTunes(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
