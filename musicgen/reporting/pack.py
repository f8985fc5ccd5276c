"""The best songs as a zip to share, with what they are and how to make them again."""

import json
import re
import tempfile
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

from musicgen.rendering import render_tune
from musicgen.reporting.best_songs import JudgedSong
from musicgen.reporting.markup import summary_text
from musicgen.reporting.players import sound_of
from musicgen.reporting.portable import check_portable, portable_command, portable_config
from musicgen.reporting.report import Report
from musicgen.reporting.study_data import command_of_run, portable_study
from musicgen.system.compression import compress
from musicgen.system.files import replace_atomically

_MAX_NAME_CHARS = 40
_COMPRESSION = 0.3
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""So that the same songs always give the same zip."""


def write_pack(report: Report, path: Path) -> Path:
    """Write the zip: a folder for each song, and the summary; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    root = report.study.root
    report = replace(report, study=portable_study(report.study))
    songs = (one.song for one in report.best)
    config = sound_of(songs, piano_roll=True, soundfont=report.soundfont)
    with (
        tempfile.TemporaryDirectory() as folder,
        replace_atomically(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for rank, one in enumerate(report.best, start=1):
            name, title = f"{rank:02d}-{_file_name(one.song.title)}", report.name(one.song)
            rendered = render_tune(one.song.abc, Path(folder) / name, config, title=title)
            if rendered.audio is not None:
                compress(rendered.audio, _COMPRESSION, mono=False, title=title)
            for file in sorted(Path(folder).glob(f"{name}.*")):
                _add(archive, f"{name}/{file.name}", file.read_bytes())
            config_text = _json(portable_config(one.song.run.record.config))
            _add_text(archive, f"{name}/config.json", config_text, root)
            _add_text(archive, f"{name}/about.txt", _about(one, report), root)
        _add_text(archive, "summary.md", summary_text(report), root)
    return path


def _add_text(archive: zipfile.ZipFile, name: str, text: str, root: Path) -> None:
    # A pack is made to be shared.
    check_portable(text, f"the pack's {name}", [root])
    _add(archive, name, text.encode())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # Files that are compressed already are only stored.
    kind = zipfile.ZIP_STORED if name.endswith((".mp3", ".png")) else zipfile.ZIP_DEFLATED
    archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), content, compress_type=kind)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _file_name(title: str) -> str:
    """A file name from a title, which a network wrote: only letters, digits and dashes stay."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[:_MAX_NAME_CHARS].rstrip("-") or "untitled"


def _about(one: JudgedSong, report: Report) -> str:
    """What a song is, why it was chosen and how to make it again."""
    song = one.song
    lines = [
        report.name(song),
        "",
        f"It is sound: {one.marks}.",
        "Not rated by a listener." if one.rating is None else f"Rated {one.rating:.1f} of 5.",
        *_origin_lines(one),
        "",
        f"Prompt: {json.dumps(song.prompt, ensure_ascii=False)}, "
        f"temperature {song.cells.get('temperature', '?')}.",
        f"To make it again: {portable_command(command_of_run(song.run))}",
        f"It will be tune {song.index} in that run's tunes.abc.",
    ]
    return "\n".join(lines) + "\n"


def _origin_lines(one: JudgedSong) -> list[str]:
    copied = one.copied
    if copied is None:
        return ["It was not compared with the training tunes."]
    lines = [f"Nearest training tune: {copied.tune}, {copied.words}."]
    if copied.is_shown and copied.in_song is not None:
        lines += ["", "In this song:", copied.in_song.text]
    if copied.is_shown:
        training = copied.in_training_tune
        there = training.text if training is not None else copied.missing_reason
        lines += ["", "In the training tune:", there]
    return lines
