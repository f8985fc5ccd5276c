"""Which text each run read as its corpus. Files change, so the same config may read another text later.

Runs are compared only if they read the same text, or another one because their config says so.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from musicgen.records.runs import FoundRun, path_name

_SOURCE_FIELDS = ("source", "path", "url", "sha256", "git_blob")
_CLEANING_FIELDS = ("clean", "keep_fields", "keep_chord_symbols", "exclude_near_duplicates_of")
_MAX_NAMED_RUNS = 3
"""Runs named for each text in a line."""


def split_by_text(
    runs: Sequence[FoundRun], baseline: Sequence[FoundRun]
) -> tuple[list[FoundRun], list[FoundRun]]:
    """Split off the runs that read another text, which cannot be compared with the others.

    For the baseline's corpus, the text that the baseline read decides; for other corpora, the text that most
    runs read. A run that failed before it read anything stays.
    """
    texts = _most_common(runs, _reading, _text) | _most_common(baseline, _reading, _text)
    # Another cleaning of the same file gives another text, but the length of the file stays the same.
    lengths = _most_common(baseline, _source, _length)
    own_readings = {_reading(run) for run in baseline}

    def is_comparable(run: FoundRun) -> bool:
        reading, text, length = _reading(run), _text(run), _length(run)
        if text is not None and texts[reading] != text:
            return False
        return reading in own_readings or length is None or lengths.get(_source(run), length) == length

    return [run for run in runs if is_comparable(run)], [run for run in runs if not is_comparable(run)]


def describe_changed_corpora(runs: Sequence[FoundRun], relative_to: Path) -> list[str]:
    """A line for each corpus that these runs read as different texts."""
    readers: dict[str, dict[str, list[FoundRun]]] = {}
    for run in runs:
        if (text := _text(run)) is not None:
            readers.setdefault(_reading(run), {}).setdefault(text, []).append(run)
    return [_describe(texts, relative_to) for texts in readers.values() if len(texts) > 1]


def _describe(texts: Mapping[str, Sequence[FoundRun]], relative_to: Path) -> str:
    readers = []
    for text, runs in texts.items():
        names = [path_name(run.directory, relative_to) for run in runs[:_MAX_NAMED_RUNS]]
        if len(runs) > _MAX_NAMED_RUNS:
            names.append(f"{len(runs) - _MAX_NAMED_RUNS} more")
        readers.append(f"{text[:12]} by {', '.join(names)}")
    name = next(iter(texts.values()))[0].record.corpus.get("name")
    return (
        f"the corpus {name} changed between runs (SHA-256 {'; '.join(readers)}): "
        "only runs that read the same tunes are compared"
    )


def _most_common(
    runs: Sequence[FoundRun], key: Callable[[FoundRun], str], value: Callable[[FoundRun], str | None]
) -> dict[str, str]:
    """Key -> the value that most of its runs have; the first of equals."""
    counts: dict[str, Counter[str]] = {}
    for run in runs:
        if (found := value(run)) is not None:
            counts.setdefault(key(run), Counter())[found] += 1
    return {name: counter.most_common(1)[0][0] for name, counter in counts.items()}


def _text(run: FoundRun) -> str | None:
    return _corpus_field(run, "sha256")


def _length(run: FoundRun) -> str | None:
    return _corpus_field(run, "characters_read")


def _corpus_field(run: FoundRun, name: str) -> str | None:
    value = run.record.corpus.get(name)
    return None if value is None else str(value)


def _source(run: FoundRun) -> str:
    return _fields(run, _SOURCE_FIELDS)


def _reading(run: FoundRun) -> str:
    return _fields(run, (*_SOURCE_FIELDS, *_CLEANING_FIELDS))


def _fields(run: FoundRun, names: Sequence[str]) -> str:
    """These fields of the data config as JSON."""
    return json.dumps([run.setting(f"data.{name}") for name in names])
