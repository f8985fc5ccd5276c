"""The tunes that a player keeps, in a folder that is made with the first of them."""

import re
import threading
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from musicgen.playing.networks import Drawn
from musicgen.records.naming import tune_name
from musicgen.rendering import Engraver, RenderingConfig, render_tune
from musicgen.rendering.music_xml import to_music_xml
from musicgen.rendering.sheet_reader import read_sheet
from musicgen.run.songs import spoken_name
from musicgen.sampling.tunebook import stamped_tune
from musicgen.system.compression import compress
from musicgen.system.files import make_new_folder, refuse_link, remove_file, write_text_atomically

FOLDER = "played"
BOOK = "tunebook.abc"
_NAME = re.compile(r"\d{3,9}\.(?:abc|mid|mp3|musicxml|svg)")
_COMPRESSION = 0.4
"""MP3 compression, from 0 (best quality) to 1 (smallest file)."""


@dataclass(frozen=True)
class KeptTune:
    """A tune of the book."""

    number: int
    """From 1."""
    title: str
    drawn: Drawn
    files: tuple[str, ...]
    """Names in the folder."""
    problems: tuple[str, ...]
    """Why something is missing, or differs from the text: one line each."""


class Tunebook:
    """Kept tunes and their files."""

    def __init__(self, run_directory: Path, config: RenderingConfig) -> None:
        """run_directory: the folder is made in its played/. config: how the tunes sound."""
        self._parent = run_directory / FOLDER
        self._config = config
        self._writing = threading.Lock()
        self.folder: Path | None = None
        """None as long as nothing has been kept."""
        self.tunes: list[KeptTune] = []

    def keep(self, drawn: Drawn, title: str) -> KeptTune:
        """Write the tune's files; a tune that is in the book already stays as it is."""
        with self._writing:
            known = next((kept for kept in self.tunes if kept.drawn is drawn), None)
            if known is not None:
                return known
            if self.folder is None:
                refuse_link(self._parent)
                self.folder = make_new_folder(self._parent / f"{datetime.now():%Y-%m-%d-%H-%M-%S}")
            kept = self._write(self.folder, len(self.tunes) + 1, drawn, title)
            self.tunes.append(kept)
            book = "".join(_numbered(one.drawn, one.number) + "\n" for one in self.tunes)
            write_text_atomically(self.folder / BOOK, book)
            return kept

    def file(self, name: str) -> Path | None:
        """A file of the book; None for any other name."""
        if self.folder is None or not (name == BOOK or _NAME.fullmatch(name)):
            return None
        path = self.folder / name
        return path if path.is_file() else None

    def _write(self, folder: Path, number: int, drawn: Drawn, title: str) -> KeptTune:
        stem, abc = folder / f"{number:03d}", _numbered(drawn, number)
        run_name = spoken_name(drawn.more.model, drawn.more.config.seed)
        name = tune_name(title, drawn.tune.index, run_name)
        with Engraver(self._config.timeout_seconds) as engraver:
            rendered = render_tune(abc, stem, self._config, engraver, name)
        sound = None
        if rendered.audio is not None:
            sound = compress(rendered.audio, _COMPRESSION, mono=False, title=name)
            remove_file(rendered.audio)
        sheet = stem.with_suffix(".musicxml")
        write_text_atomically(sheet, to_music_xml(read_sheet(drawn.judgement.tune)))
        files = [rendered.abc, rendered.midi, sound, sheet, rendered.score]
        return KeptTune(number, title, drawn, tuple(file.name for file in files if file), rendered.problems)


def _numbered(drawn: Drawn, number: int) -> str:
    """The tune with its origin, and with its number in the book."""
    return stamped_tune(replace(drawn.tune, index=number - 1), drawn.more.origin)
