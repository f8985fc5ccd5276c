"""A tune as sound, score or piano roll: a file, which a notebook plays or shows.

Text of a tune may be anything, so a page never gets it as markup: the score is an image, titles are escaped.
"""

import base64
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from musicgen.errors import InputError
from musicgen.system.files import read_whole

if TYPE_CHECKING:
    from musicgen.records.sampled_tunes import Song
    from musicgen.rendering import RenderingConfig

_MAX_FILE_BYTES = 2**28
_COMPRESSION = 0.7
"""Of the sound in a notebook, from 0 (best quality) to 1 (smallest file)."""
_OF_THE_SCORE = "score: "
_numbers = count()


@dataclass(frozen=True)
class Rendering:
    """A tune in another form."""

    path: Path
    """The file: in the folder of the run, or else a temporary one that is removed when Python ends."""
    title: str
    """The title that the network wrote or, without one, "Tune 17"."""
    problems: tuple[str, ...] = ()
    """What differs from the ABC text, one line each."""
    noun: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    """Of the files that hold it."""
    settings: ClassVar[Mapping[str, object]]
    """Of a rendering that makes this form alone."""

    @property
    def data(self) -> bytes:
        """The content of the file."""
        return read_whole(self.path, _MAX_FILE_BYTES, follows_links=False)


class Sound(Rendering):
    """A tune as audio; a notebook shows a player."""

    noun = "sound"
    suffixes = ("wav", "flac", "ogg")
    settings: ClassVar = {"audio_format": "wav", "score": False, "piano_roll": False}

    def _repr_html_(self) -> str:
        # A minute of WAV would add 10 MB to the notebook.
        content = base64.b64encode(_as_mp3(self.path).read_bytes()).decode("ascii")
        source = f"data:audio/mpeg;base64,{content}"
        return f'<div>{escape(self.title)}</div><audio controls preload="metadata" src="{source}"></audio>'


class Score(Rendering):
    """A tune as sheet music (SVG); a notebook shows it."""

    noun = "score"
    suffixes = ("svg",)
    settings: ClassVar = {"audio_format": "none", "score": True, "piano_roll": False}

    def _repr_html_(self) -> str:
        source = f"data:image/svg+xml;base64,{base64.b64encode(self.data).decode('ascii')}"
        name = escape(f"Score of {self.title}", quote=True)
        return f'<img alt="{name}" src="{source}" style="max-width: 100%">'


class PianoRoll(Rendering):
    """A tune as notes over time (PNG); a notebook shows it."""

    noun = "piano roll"
    suffixes = ("png",)
    settings: ClassVar = {"audio_format": "none", "score": False, "piano_roll": True}

    def _repr_png_(self) -> bytes:
        return self.data


Form = TypeVar("Form", bound=Rendering)


def rendering(form: type[Form], song: "Song", folder: Path | None) -> Form:
    """The tune in this form: from `folder`, where a run may have rendered it, or else rendered now.

    Raises InputError if the tune has nothing to hear or to see.
    """
    known = None if folder is None else _existing(form, folder / f"{song.index:03d}")
    if known is not None:
        problems = tuple(song.cells.get("rendering_problems", "").split("; "))
        return form(known, song.title, _problems_of(form, problems))
    from musicgen.reporting.players import sound_of

    path, problems = _render(form, song.abc, song.title, sound_of([song], **form.settings))
    return form(path, song.title, _problems_of(form, problems))


def _problems_of(form: type[Rendering], problems: Sequence[str]) -> tuple[str, ...]:
    """Those that concern this form: problems of the score are marked as such."""
    return tuple(
        line.removeprefix(_OF_THE_SCORE)
        for line in problems
        if line and line.startswith(_OF_THE_SCORE) == (form is Score)
    )


def _existing(form: type[Rendering], stem: Path) -> Path | None:
    paths = (stem.with_name(f"{stem.name}.{suffix}") for suffix in form.suffixes)
    return next((path for path in paths if path.is_file()), None)


@cache
def _render(
    form: type[Rendering], abc: str, title: str, config: "RenderingConfig"
) -> tuple[Path, tuple[str, ...]]:
    from musicgen.rendering import render_tune

    stem = _scratch_folder() / f"{next(_numbers):03d}"
    rendered = render_tune(abc, stem, config, title=title)
    path = _existing(form, stem)
    if path is None:
        raise InputError(f"{title}: no {form.noun}: {'; '.join(_problems_of(form, rendered.problems))}")
    return path, rendered.problems


@cache
def _as_mp3(audio: Path) -> Path:
    from musicgen.system.compression import compress

    folder = _scratch_folder() / f"{next(_numbers):03d}"
    folder.mkdir()
    return compress(audio, _COMPRESSION, mono=True, folder=folder)


def _scratch_folder() -> Path:
    return Path(_scratch().name)


@cache
def _scratch() -> tempfile.TemporaryDirectory:
    """Removed when Python ends."""
    import atexit

    folder = tempfile.TemporaryDirectory(prefix="musicgen-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return folder
