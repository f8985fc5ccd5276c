"""A finished study as a small, portable folder for a repository.

Every sentence about an effect cites its row of effects.csv in the title of a link, so that readers and tests
can check one against the other.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.effects.answers import Answer, Outcome
from musicgen.effects.differences import COMBINED
from musicgen.effects.effect import RETUNED, Effect, effects_frame
from musicgen.effects.figures.draw import write_figures
from musicgen.effects.noise import noise_table
from musicgen.metrics.registry import metric_words
from musicgen.records.findings import FILE_NAME as FINDINGS
from musicgen.records.findings import Finding, findings_text, keep_findings, merged_findings
from musicgen.records.naming import level_of
from musicgen.records.runs import EFFECTS, NOISE, PLAN, RUNS, path_name, read_rows
from musicgen.rendering import Engraver, render_tune
from musicgen.reporting.best_songs import JudgedSong
from musicgen.reporting.figures import drawn_figures
from musicgen.reporting.folder_replacement import (
    BASELINE,
    FIGURES,
    MARK,
    README,
    SONGS,
    WORDS,
    check_folder,
    replacing,
)
from musicgen.reporting.kept_facts import baseline_settings, circumstances, corpus_sentences, shown_settings
from musicgen.reporting.markup import markdown_of
from musicgen.reporting.players import PAGE_SAMPLE_RATE, sound_of
from musicgen.reporting.portable import (
    check_portable,
    portable_command,
    portable_table,
    portable_value,
    without_folders,
)
from musicgen.reporting.report import Report
from musicgen.reporting.study_data import StudyData
from musicgen.system.compression import compress
from musicgen.system.files import copy_atomically, write_text_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_SONGS = 3
_COMPRESSION = 0.8
"""OGG Vorbis compression, from 0 (best quality) to 1 (smallest file)."""
_NUM_COLOURS = 64
"""Enough for a PNG of lines and words."""


@dataclass(frozen=True, slots=True)
class KeptSong:
    """One of the best songs, with the addresses of its files in the folder."""

    judged: JudgedSong
    abc: str
    audio: str | None
    score: str | None


def write_kept(report: Report, folder: Path) -> str:
    """Write the study to the folder, replacing what an earlier call wrote there; other files stay.

    Returns the folder with the number and size of its files, as a line for the user.
    The old study stays intact until the new one is complete. Raises InputError as `check_folder` does, and
    if a text would name a folder of this machine.
    """
    study = report.study
    check_folder(study, folder)
    findings = _portable_findings(study)
    # The folder's own log may hold further findings; they are kept.
    logged = merged_findings(findings, folder / FINDINGS)
    check_portable(findings_text(logged), str(folder / FINDINGS), [study.root])
    with replacing(folder) as place:
        _write_tables(study, place)
        figures = _write_figures(drawn_figures(study), place / FIGURES)
        songs = _write_songs(report, place / SONGS)
        others = [name for name in (PLAN, NOISE) if (place / name).is_file()]
        others += [FINDINGS] if logged else []
        others += [WORDS] if (folder / WORDS).is_file() else []
        text = markdown_of(
            "kept.md.j2",
            report,
            mark=MARK,
            figures={name: f"{FIGURES}/{path.name}" for name, path in figures.items()},
            songs=songs,
            commands=[portable_command(command) for command in study.commands],
            corpora=corpus_sentences(study),
            circumstances=circumstances(study),
            settings=shown_settings(study),
            seeds=sorted({run.record.seed for run in study.all_runs}),
            joint=_joint(report),
            failures=[without_folders(line) for line in study.failures],
            not_compared=[without_folders(line) for line in study.not_compared],
            files=others,
            sentence=sentence,
            cited=cited,
        )
        _write_text(text, place / README, study)
        for path in place.rglob("*"):
            if path.suffix in {".svg", ".abc"}:
                check_portable(path.read_text(encoding="utf-8"), path.name, [study.root])
    keep_findings(findings, folder / FINDINGS)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    num_bytes = sum(path.stat().st_size for path in files)
    return f"{folder}: {len(files)} files, {num_bytes / 1000:.0f} kB"


def cited(effect: Effect) -> str:
    """The effect as link titles name it, such as "training.learning_rate=0.01 fit/validation_loss"."""
    level = level_of(portable_value(effect.value))
    words = f"{effect.parameter}={level} {effect.metric}{f' {RETUNED}' if effect.tuning == RETUNED else ''}"
    for sign in '\\"|`':
        words = words.replace(sign, f"\\{sign}")
    return " ".join(words.split())


def sentence(answer: Answer) -> str:
    """What a change did, with the difference and its interval if there are any."""
    if answer.effect.decision.is_claim:
        return f"{answer.change} {answer.effect.verdict}"
    difference = "" if answer.outcome is Outcome.NO_VALUE else f", {answer.difference}"
    return f"{answer.change}, {metric_words(answer.effect.metric)}{difference}: {answer.effect.verdict}"


def _write_text(text: str, path: Path, study: StudyData) -> None:
    check_portable(text, path.name, [study.root])
    write_text_atomically(path, text)


def _write_tables(study: StudyData, folder: Path) -> None:
    from pandas import DataFrame

    noise = noise_table(study.paired.baseline.runs)
    tables = {RUNS: study.runs, EFFECTS: effects_frame(study.effects), NOISE: noise}
    if (study.root / PLAN).is_file():
        # Read as text, so that 1e-3 stays 1e-3.
        tables[PLAN] = DataFrame(read_rows(study.root / PLAN))
    for name, table in tables.items():
        if len(table) or name in (RUNS, EFFECTS):
            _write_text(portable_table(table).to_csv(index=False, lineterminator="\n"), folder / name, study)
    text = json.dumps(baseline_settings(study), indent=2, ensure_ascii=False)
    _write_text(f"{text}\n", folder / BASELINE, study)


def _portable_findings(study: StudyData) -> list[Finding]:
    names = {run.record.run_id: path_name(run.directory, study.root) for run in study.all_runs}
    directories = (names.get(one.run_id, one.directory) for one in study.findings)
    return [
        replace(one, directory=str(portable_value(name)))
        for one, name in zip(study.findings, directories, strict=True)
    ]


def _write_figures(figures: "Mapping[str, Figure]", folder: Path) -> dict[str, Path]:
    """Write each figure as PNG or SVG, whichever is smaller; returns the paths."""
    from PIL import Image

    written = {}
    with tempfile.TemporaryDirectory() as drawn:
        write_figures(figures, Path(drawn))
        for name in figures:
            vectors, pixels = (Path(drawn) / f"{name}.{suffix}" for suffix in ("svg", "png"))
            with Image.open(pixels) as image:
                image.convert("RGB").quantize(_NUM_COLOURS).save(pixels, optimize=True)
            smallest = min(vectors, pixels, key=lambda path: path.stat().st_size)
            folder.mkdir(exist_ok=True)
            written[name] = folder / smallest.name
            copy_atomically(smallest, written[name])
    return written


def _write_songs(report: Report, folder: Path) -> list[KeptSong]:
    best = report.best[:NUM_SONGS]
    if not best:
        return []
    songs = (one.song for one in best)
    config = sound_of(songs, sample_rate=PAGE_SAMPLE_RATE, soundfont=report.soundfont)
    kept = []
    with tempfile.TemporaryDirectory() as made, Engraver(config.timeout_seconds) as engraver:
        for rank, one in enumerate(best, start=1):
            abc = _with_origin(one.song.abc, report.place(one.song))
            title = report.name(one.song)
            rendered = render_tune(abc, Path(made) / str(rank), config, engraver, title)
            audio = rendered.audio and compress(
                rendered.audio, _COMPRESSION, mono=True, suffix=".ogg", title=title
            )
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
    """Copy the file; returns its address from the folder above."""
    folder.mkdir(exist_ok=True)
    copy_atomically(path, folder / path.name)
    return f"{folder.name}/{path.name}"


def _with_origin(abc: str, place: str) -> str:
    """The tune with its origin in the header, below the stamp of its run."""
    number, stamp, rest = abc.split("\n", 2)
    return f"{number}\n{stamp}\nN:{' '.join(place.split())}\n{rest}"


def _joint(report: Report) -> list[Answer]:
    """The answers on all winners combined, in the order of the sentences on whether they add up."""
    by_metric = {
        answer.effect.metric: answer
        for found in report.primary
        for answer in found.answers
        if answer.effect.parameter == COMBINED
    }
    return [by_metric[one.metric] for one in report.study.additivity]
