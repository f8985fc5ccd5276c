"""Drops the tunes of a corpus that have a near-duplicate in another one.

A network trained on what is left can be fine-tuned on the other corpus, whatever its split: it has seen none
of its held-out tunes.
"""

from dataclasses import replace
from pathlib import Path

from musicgen.corpus.config import DataConfig
from musicgen.corpus.splits import near_duplicates_of
from musicgen.corpus.usable import UsableTunes, read_usable_tunes
from musicgen.errors import InputError
from musicgen.notation.melodies import read_melodies
from musicgen.system.conf import conf_folder, corpus_names
from musicgen.system.plain_yaml import read_yaml


def exclude_near_duplicates(read: UsableTunes, config: DataConfig, cache_dir: Path | None) -> UsableTunes:
    """The tunes without near-duplicates in `config.exclude_near_duplicates_of`, which may be null.

    Raises InputError if that corpus cannot be read, or no tune is left.
    """
    place, share = config.exclude_near_duplicates_of, config.near_duplicate_share
    if place is None or share is None:
        return read
    try:
        other = read_usable_tunes(_other_corpus(place, config), cache_dir).tunes
    except InputError as error:
        raise InputError(f"data.exclude_near_duplicates_of={place}: {error}") from error
    melodies, others = (
        [melody.pitches for melody in read_melodies(tunes, cache_dir)] for tunes in (read.tunes, other)
    )
    found = near_duplicates_of(melodies, others, share)
    if len(found) == len(read.tunes):
        raise InputError(
            f"data.exclude_near_duplicates_of={place}: all {len(found)} tunes have a near-duplicate there, "
            "so none is left to train on; choose another corpus, or null to keep them"
        )
    kept = [number for number in range(len(read.tunes)) if number not in found]
    return replace(
        read,
        tunes=[read.tunes[number] for number in kept],
        groups=[read.groups[number] for number in kept],
        dropped=read.dropped | {f"near-duplicates of {place}": len(found)},
    )


def _other_corpus(place: str, config: DataConfig) -> DataConfig:
    """A corpus in conf/data or at a path, read like the corpus of `config`."""
    source: object = {"name": "file", "source": "files", "path": place}
    if place in corpus_names() and not Path(place).exists():
        source = read_yaml(conf_folder() / "data" / f"{place}.yaml")
    assert isinstance(source, dict)
    # Which tunes of the other corpus resemble each other does not matter here.
    unused = {"exclude_near_duplicates_of": None, "near_duplicate_share": None}
    return replace(config, **{"url": None, "sha256": None, "git_blob": None, **unused, **source})
