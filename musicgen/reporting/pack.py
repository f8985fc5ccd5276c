"""The best songs in one zip to share, with everything that says what they are and how to make them again."""

import json
import re
import tempfile
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

from musicgen.rendering import render_tune
from musicgen.reporting.board import Judged
from musicgen.reporting.contents import Contents
from musicgen.reporting.material import command_of_run
from musicgen.reporting.page import summary_text, without_places
from musicgen.reporting.players import compress, sound_of
from musicgen.reporting.portable import check_portable, portable_command, portable_config
from musicgen.system.files import replace_atomically

_LONGEST_NAME = 40
_LISTENING_COMPRESSION = 0.3
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The same songs give the same zip, whenever it is made."""


def write_pack(contents: Contents, path: Path) -> Path:
    """Write the zip: a folder a song, and the summary; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    root = contents.material.root
    contents = replace(contents, material=without_places(contents.material))
    songs = (one.song for one in contents.best)
    config = sound_of(songs, piano_roll=True, soundfont=contents.soundfont)
    with (
        tempfile.TemporaryDirectory() as folder,
        replace_atomically(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for rank, one in enumerate(contents.best, start=1):
            name = f"{rank:02d}-{_file_name(one.song.title)}"
            rendered = render_tune(one.song.abc, Path(folder) / name, config)
            if rendered.audio is not None:
                compress(rendered.audio, _LISTENING_COMPRESSION, mono=False)
            for file in sorted(Path(folder).glob(f"{name}.*")):
                _add(archive, f"{name}/{file.name}", file.read_bytes())
            config_text = _json(portable_config(one.song.run.record.config))
            _add_text(archive, f"{name}/config.json", config_text, root)
            _add_text(archive, f"{name}/about.txt", _about(one, contents), root)
        _add_text(archive, "summary.md", summary_text(contents), root)
    return path


def _add_text(archive: zipfile.ZipFile, name: str, text: str, root: Path) -> None:
    # A pack is made to be given away.
    check_portable(text, f"the pack's {name}", [root])
    _add(archive, name, text.encode())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # What is compressed already is only stored.
    kind = zipfile.ZIP_STORED if name.endswith((".mp3", ".png")) else zipfile.ZIP_DEFLATED
    archive.writestr(zipfile.ZipInfo(name, _MOMENT), content, compress_type=kind)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _file_name(title: str) -> str:
    """What is left of a title that a network wrote when only letters, digits and dashes may stay."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[:_LONGEST_NAME].rstrip("-") or "untitled"


def _about(one: Judged, contents: Contents) -> str:
    """What a song is, why it is here and how to make it again."""
    song = one.song
    lines = [
        song.title,
        contents.place(song),
        "",
        f"{one.points:.0f} of 100 points: {one.reasons}",
        *(f"It {gate.failure}." for gate in one.failed),
        "Not rated by a listener." if one.rating is None else f"Rated {one.rating:.1f} of 5.",
        *_origin_lines(one),
        "",
        f"Prompt: {json.dumps(song.prompt, ensure_ascii=False)}, "
        f"temperature {song.cells.get('temperature', '?')}.",
        f"To make it again: {portable_command(command_of_run(song.run))}",
        f"It is tune {song.index} of tunes.abc there.",
    ]
    return "\n".join(lines) + "\n"


def _origin_lines(one: Judged) -> list[str]:
    """What the song shares with a training tune."""
    shared = one.shared
    if shared is None:
        return ["It was not compared with the training tunes."]
    lines = [f"Nearest training tune: {shared.tune}, {shared.words}."]
    if shared.is_shown and shared.own is not None:
        lines += ["", "In this song:", shared.own.text]
    if shared.is_shown:
        there = shared.training.text if shared.training is not None else shared.missing
        lines += ["", "In the training tune:", there]
    return lines
