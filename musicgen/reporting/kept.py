"""A finished study as a folder for a repository: small, readable where it lies, and of no machine's own.

Every sentence on an effect cites its row of effects.csv in the title of a link, so that anybody, and a test,
can hold one against the other.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.effects.differences import COMBINED
from musicgen.effects.effect import RETUNED, Effect, effects_frame, level_of
from musicgen.effects.figures.draw import write_figures
from musicgen.effects.noise import noise_table
from musicgen.effects.pairing import IDENTITY_GROUPS
from musicgen.effects.verdict import metric_words
from musicgen.records.findings import FILE_NAME as FINDINGS
from musicgen.records.findings import Finding, findings_text, keep_findings, merged_findings
from musicgen.records.runs import PLAN, directory_name, flat_config, read_rows
from musicgen.rendering import Engraver, render_tune
from musicgen.reporting.answers import Answer, Outcome
from musicgen.reporting.board import Judged
from musicgen.reporting.contents import Contents
from musicgen.reporting.figures import drawn_figures
from musicgen.reporting.kept_folder import (
    BASELINE,
    EFFECTS,
    FIGURES,
    MARK,
    NOISE,
    README,
    RUNS,
    SONGS,
    WORDS,
    check_folder,
    replacing,
)
from musicgen.reporting.material import Material
from musicgen.reporting.page import text_of
from musicgen.reporting.players import PAGE_SAMPLE_RATE, compress, sound_of
from musicgen.reporting.portable import (
    check_portable,
    portable_command,
    portable_table,
    portable_value,
    without_folders,
)
from musicgen.system.files import copy_atomically, write_text_atomically
from musicgen.system.words import duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_SONGS = 3
_COMPRESSION = 0.8
"""Of OGG Vorbis, from 0 for the best quality to 1 for the smallest file."""
_COLOURS = 64
"""Of a PNG: figures are lines and words."""


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """What was written."""

    path: Path
    num_files: int
    num_bytes: int

    def __str__(self) -> str:
        return f"{self.path}: {self.num_files} files, {self.num_bytes / 1000:.0f} kB"


@dataclass(frozen=True, slots=True)
class KeptSong:
    """One of the best songs, with the names of its files in the folder."""

    judged: Judged
    abc: str
    audio: str | None
    score: str | None


def write_kept(contents: Contents, folder: Path) -> KeptFolder:
    """Write the study to the folder, in place of what an earlier call wrote there; other files stay.

    The old study stays whole until the new one is. Raises InputError as `check_folder` does, and where a text
    would name a folder of this machine.
    """
    material = contents.material
    check_folder(material, folder)
    findings = _portable_findings(material)
    # Findings may also be written into the folder's own log, which is kept.
    logged = merged_findings(findings, folder / FINDINGS)
    check_portable(findings_text(logged), str(folder / FINDINGS), [material.root])
    with replacing(folder) as place:
        _write_tables(material, place)
        figures = _write_figures(drawn_figures(material), place / FIGURES)
        songs = _write_songs(contents, place / SONGS)
        others = [name for name in (PLAN, NOISE) if (place / name).is_file()]
        others += [FINDINGS] if logged else []
        others += [WORDS] if (folder / WORDS).is_file() else []
        text = text_of(
            "kept.md.j2",
            contents,
            mark=MARK,
            figures={name: f"{FIGURES}/{path.name}" for name, path in figures.items()},
            songs=songs,
            commands=[portable_command(command) for command in material.commands],
            corpora=_corpora(material),
            circumstances=_circumstances(material),
            settings=_settings(material),
            seeds=sorted({run.record.seed for run in material.all_runs}),
            joint=_joint(contents),
            failures=[without_folders(line) for line in material.failures],
            not_compared=[without_folders(line) for line in material.not_compared],
            files=others,
            sentence=sentence,
            cited=cited,
        )
        _write_text(text, place / README, material)
        for path in place.rglob("*"):
            if path.suffix in {".svg", ".abc"}:
                check_portable(path.read_text(encoding="utf-8"), path.name, [material.root])
    keep_findings(findings, folder / FINDINGS)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return KeptFolder(folder, len(files), sum(path.stat().st_size for path in files))


def cited(row: Effect) -> str:
    """The row as the title of a link names it, such as "training.learning_rate=0.01 fit/validation_loss"."""
    level = level_of(portable_value(row.value))
    words = f"{row.parameter}={level} {row.metric}{f' {RETUNED}' if row.tuning == RETUNED else ''}"
    for sign in '\\"|`':
        words = words.replace(sign, f"\\{sign}")
    return " ".join(words.split())


def sentence(answer: Answer) -> str:
    """What a change did, with the difference and its interval wherever there are any."""
    if answer.row.decision.is_claim:
        return f"{answer.change} {answer.verdict}"
    difference = "" if answer.outcome is Outcome.NOTHING else f", {answer.difference}"
    return f"{answer.change}, {metric_words(answer.metric)}{difference}: {answer.verdict}"


def _write_text(text: str, path: Path, material: Material) -> None:
    check_portable(text, path.name, [material.root])
    write_text_atomically(path, text)


def _write_tables(material: Material, folder: Path) -> None:
    from pandas import DataFrame

    tables = {
        RUNS: material.runs,
        EFFECTS: effects_frame(material.effects),
        NOISE: noise_table(material.star.baseline.runs),
    }
    if (material.root / PLAN).is_file():
        # As written: 1e-3 stays 1e-3.
        tables[PLAN] = DataFrame(read_rows(material.root / PLAN))
    for name, table in tables.items():
        if len(table) or name in (RUNS, EFFECTS):
            _write_text(
                portable_table(table).to_csv(index=False, lineterminator="\n"), folder / name, material
            )
    text = json.dumps(_baseline(material), indent=2, ensure_ascii=False)
    _write_text(f"{text}\n", folder / BASELINE, material)


def _portable_findings(material: Material) -> list[Finding]:
    names = {run.record.run_id: directory_name(run, material.root) for run in material.all_runs}
    told = (names.get(one.run_id, one.directory) for one in material.findings)
    return [
        replace(one, directory=str(portable_value(name)))
        for one, name in zip(material.findings, told, strict=True)
    ]


def _write_figures(figures: "Mapping[str, Figure]", folder: Path) -> dict[str, Path]:
    """Each figure as PNG or SVG, whichever is smaller."""
    from PIL import Image

    written = {}
    with tempfile.TemporaryDirectory() as drawn:
        write_figures(figures, Path(drawn))
        for name in figures:
            vectors, pixels = (Path(drawn) / f"{name}.{suffix}" for suffix in ("svg", "png"))
            with Image.open(pixels) as image:
                image.convert("RGB").quantize(_COLOURS).save(pixels, optimize=True)
            smallest = min(vectors, pixels, key=lambda path: path.stat().st_size)
            folder.mkdir(exist_ok=True)
            written[name] = folder / smallest.name
            copy_atomically(smallest, written[name])
    return written


def _write_songs(contents: Contents, folder: Path) -> list[KeptSong]:
    """The best songs by the report's rule, under their ranks."""
    best = contents.best[:NUM_SONGS]
    if not best:
        return []
    songs = (one.song for one in best)
    config = sound_of(songs, sample_rate=PAGE_SAMPLE_RATE, soundfont=contents.soundfont)
    kept = []
    with tempfile.TemporaryDirectory() as made, Engraver(config.timeout_seconds) as engraver:
        for rank, one in enumerate(best, start=1):
            abc = _with_place(one.song.abc, contents.place(one.song))
            rendered = render_tune(abc, Path(made) / str(rank), config, engraver)
            audio = rendered.audio and compress(rendered.audio, _COMPRESSION, mono=True, suffix=".ogg")
            kept.append(
                KeptSong(
                    one,
                    _copied(rendered.abc, folder),
                    audio and _copied(audio, folder),
                    rendered.score and _copied(rendered.score, folder),
                )
            )
    return kept


def _copied(path: Path, folder: Path) -> str:
    """The address of the file's copy, from the folder above."""
    folder.mkdir(exist_ok=True)
    copy_atomically(path, folder / path.name)
    return f"{folder.name}/{path.name}"


def _with_place(abc: str, place: str) -> str:
    """The tune with the change that it comes from in its header, under the stamp of its run."""
    number, stamp, rest = abc.split("\n", 2)
    return f"{number}\n{stamp}\nN:{' '.join(place.split())}\n{rest}"


def _joint(contents: Contents) -> list[Answer]:
    """The answers of the winners together, in the order of the sentences on whether they add up."""
    by_metric = {
        answer.metric: answer
        for found in contents.primary
        for answer in found.answers
        if answer.row.parameter == COMBINED
    }
    return [by_metric[one.metric] for one in contents.material.additivity]


def _baseline(material: Material) -> dict[str, object]:
    """What can change a number of the baseline, by dotted names; its seeds are told elsewhere."""
    config = material.star.baseline.runs[0].record.config if material.star.baseline.runs else {}
    groups = {name: config[name] for name in IDENTITY_GROUPS if name in config}
    return {name: portable_value(value) for name, value in flat_config(groups).items()}


def _settings(material: Material) -> list[str]:
    """What the baseline says of corpus, network, training and sampling, as on a command line."""
    return [
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in _baseline(material).items()
        if name.startswith(("data.name", "model.", "training.", "sampling.")) and value is not None
    ]


def _corpora(material: Material) -> list[str]:
    """Where the corpora of the runs come from, a sentence each."""
    sentences = []
    for run in material.all_runs:
        data, digest = run.record.config.get("data"), run.record.corpus.get("sha256", "unknown")
        if not isinstance(data, Mapping):
            continue
        name = f"{portable_value(data.get('path'))} (tunes as read: SHA-256 {str(digest)[:16]}…)"
        if data.get("source") == "download":
            sentences.append(
                f"{name} is read from the folder that MUSICGEN_DATA_DIR names, else from the user's cache, "
                "else downloaded; MUSICGEN_DATA_DIR=FOLDER in front of the command names one."
            )
        elif data.get("source") == "files":
            sentences.append(f"{name} lay on the machine of the runs: put the path of your own copy in.")
    return list(dict.fromkeys(sentences))


def _circumstances(material: Material) -> str:
    """When, where and with what the runs were made, as far as they say."""
    records = [run.record for run in material.all_runs]
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
    yield f"{duration(seconds)} from the first run's start to the last one's end"
