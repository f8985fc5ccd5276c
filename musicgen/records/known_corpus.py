"""A run's corpus on this machine.

A record may come from somebody else, so its path and address are only compared, never used: it says how the
corpus was cleaned and split, not which file is read.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from musicgen.config import corpus_names, data_config
from musicgen.corpus.config import DataConfig
from musicgen.corpus.corpus import Corpus, load_corpus
from musicgen.corpus.sources import is_at_hand
from musicgen.errors import InputError
from musicgen.records.record import RunRecord

CACHE = Path("outputs/cache")
"""This machine's cache of corpora, used if it exists; never the one that a record names."""
_RULES = (
    "clean",
    "keep_fields",
    "keep_chord_symbols",
    "validation_share",
    "test_share",
    "near_duplicate_share",
    "split_seed",
)
"""Settings of a run that say how its corpus was cleaned and split."""


def known_corpus(record: RunRecord, name_or_path: str | None = None) -> DataConfig | None:
    """The run's corpus: as named here, or as conf/data has it; None if it is in neither."""
    if name_or_path is not None:
        return data_config(name_or_path)
    data = record.config.get("data")
    name = data.get("name") if isinstance(data, dict) else None
    if not isinstance(data, dict) or name not in corpus_names():
        return None
    corpus = data_config(str(name))
    identifying = ("source", "path", "url", "sha256", "git_blob")
    is_same = all(data.get(field) == getattr(corpus, field) for field in identifying)
    return corpus if is_same else None


def load_known_corpus(record: RunRecord, corpus: DataConfig | None, cache: Path | None = None) -> Corpus:
    """The corpus, cleaned and split as for the run. Raises InputError if it is missing or has changed."""
    if corpus is None:
        raise InputError("the runs' corpus is not one of musicgen's own; use --corpus PATH")
    if not is_at_hand(corpus):
        raise InputError(f"the corpus {corpus.name} is not on this machine; use --corpus PATH")
    try:
        tunes = load_corpus(_read_like_the_run(corpus, record), cache)
    except (InputError, ValidationError) as error:
        raise InputError(f"the corpus cannot be read ({' '.join(str(error).split())})") from error
    if tunes.sha256 != record.corpus.get("sha256"):
        raise InputError(f"the corpus {corpus.name} is not the one the runs were trained on")
    return tunes


def _read_like_the_run(corpus: DataConfig, record: RunRecord) -> DataConfig:
    """The corpus, cleaned and split as the run's was. Raises ValidationError for invalid rules."""
    data = record.config.get("data")
    rules = {name: data[name] for name in _RULES if name in data} if isinstance(data, Mapping) else {}
    return TypeAdapter(DataConfig).validate_json(json.dumps({**asdict(corpus), **rules}))
