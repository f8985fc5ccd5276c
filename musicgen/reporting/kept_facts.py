"""The facts on the page of a kept study: settings, corpora, and when and with what its runs were made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from musicgen.config import IDENTITY_GROUPS
from musicgen.records.runs import flat_config
from musicgen.reporting.portable import portable_value
from musicgen.reporting.study_data import StudyData
from musicgen.system.words import duration


def baseline_settings(study: StudyData) -> dict[str, object]:
    """Dotted name -> value of every setting that can change the baseline's numbers; no seeds."""
    config = study.paired.baseline.runs[0].record.config if study.paired.baseline.runs else {}
    groups = {name: config[name] for name in IDENTITY_GROUPS if name in config}
    return {name: portable_value(value) for name, value in flat_config(groups).items()}


def shown_settings(study: StudyData) -> list[str]:
    """The baseline's corpus, network, training and sampling settings, as on a command line."""
    return [
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in baseline_settings(study).items()
        if name.startswith(("data.name", "model.", "training.", "sampling.")) and value is not None
    ]


def corpus_sentences(study: StudyData) -> list[str]:
    """Where the corpora of the runs come from, one sentence each."""
    sentences = []
    for run in study.all_runs:
        data, digest = run.record.config.get("data"), run.record.corpus.get("sha256", "unknown")
        if not isinstance(data, Mapping):
            continue
        name = f"{portable_value(data.get('path'))} (tunes as read: SHA-256 {str(digest)[:16]}…)"
        if data.get("source") == "download":
            sentences.append(
                f"{name} is read from the folder MUSICGEN_DATA_DIR or the user's cache, and downloaded if it "
                "is in neither; put MUSICGEN_DATA_DIR=FOLDER in front of the command to choose the folder."
            )
        elif data.get("source") == "files":
            sentences.append(
                f"{name} was a file on the machine of the runs: insert the path of your own copy."
            )
    return list(dict.fromkeys(sentences))


def circumstances(study: StudyData) -> str:
    """When and with what the runs were made, as far as recorded."""
    records = [run.record for run in study.all_runs]
    cores = sorted({str(record.machine["cores"]) for record in records if "cores" in record.machine})
    spans = [
        (start, start + timedelta(seconds=record.timing.get("total_seconds", 0.0)))
        for record in records
        if "started" in record.machine
        for start in [datetime.fromisoformat(str(record.machine["started"]))]
    ]
    parts = [*_when(spans)]
    parts.append(f"{' or '.join(cores)} processor cores" if cores else "number of cores not recorded")
    versions = dict.fromkeys(
        ", ".join(f"{name} {number}" for name, number in record.versions.items())
        for record in records
        if record.versions
    )
    return "; ".join([*parts, *versions])


def _when(spans: Sequence[tuple[datetime, datetime]]) -> Iterator[str]:
    if not spans:
        yield "Date not recorded"
        return
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    days = dict.fromkeys((f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"))
    yield f"Made on {' to '.join(days)}"
    seconds = (last - first).total_seconds()
    yield f"{duration(seconds)} from the start of the first run to the end of the last"
