"""What the page plays and shows of a song: compressed audio, a score, a piano roll, a MIDI file.

The report renders every tune it shows anew, whatever the run rendered, so that loudness, instrument and tempo
are the same on both sides of a comparison.
"""

import base64
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from musicgen.notation.parsing import parse_tune
from musicgen.records.sampled_tunes import Song
from musicgen.rendering import RenderedTune, RenderingConfig, render_tune
from musicgen.rendering.roll_paths import DrawnRoll, draw_roll
from musicgen.run.sound import sound_of_run
from musicgen.system.compression import compress
from musicgen.system.files import remove_file
from musicgen.system.limits import starting_threads

FOLDER = "songs"
PAGE_SAMPLE_RATE = 24_000
_PAGE_COMPRESSION = 0.7
"""MP3 compression, from 0 (best quality) to 1 (smallest file)."""
_VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


@dataclass(frozen=True, slots=True)
class Player:
    """A song on the page; addresses are relative to the page, or data URIs."""

    name: str
    """The name of its files, without suffix."""
    audio: str | None
    score: str | None
    score_size: tuple[int, int] | None
    """Width and height, so that the page can reserve the space."""
    midi: str | None
    roll: DrawnRoll | None
    seconds: float | None
    problems: tuple[str, ...]
    """Why something is missing: one line each."""


def sound_of(songs: Iterable[Song], **changes: object) -> RenderingConfig:
    """One rendering for all of these songs: that of the first song's run, with these changes.

    Raises InputError for settings that cannot be used.
    """
    first = next(iter(songs), None)
    return sound_of_run(None if first is None else first.run.record, **changes)


def file_stem(song: Song) -> str:
    """A file name that contains none of the tune's own text."""
    run = re.sub(r"[^A-Za-z0-9]+", "-", song.run.record.run_id)[-24:]
    return f"{run}-{song.index:03d}"


def make_players(
    songs: Iterable[Song],
    folder: Path,
    *,
    embedded: bool,
    soundfont: str | None = None,
    name_of: Callable[[Song], str] = lambda song: song.title,
) -> dict[tuple[str, int], Player]:
    """Render every song once into folder/songs; returns the players by the songs' keys.

    embedded: addresses are data URIs, so the files may be removed afterwards. soundfont: a file to use
    instead of the built-in one. name_of: the title that the sound and MIDI files carry.
    """
    wanted = {song.key: song for song in songs}
    if not wanted:
        return {}
    config = sound_of(wanted.values(), sample_rate=PAGE_SAMPLE_RATE, soundfont=soundfont)
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)

    def make(song: Song) -> Player:
        return _make_player(song, name_of(song), target, config, embedded=embedded)

    # abc2midi and the engraver are separate processes, so threads run them in parallel.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        with starting_threads():
            players = pool.map(make, wanted.values())
        return dict(zip(wanted, players, strict=True))


def _make_player(song: Song, title: str, folder: Path, config: RenderingConfig, *, embedded: bool) -> Player:
    rendered = render_tune(song.abc, folder / file_stem(song), config, title=title)
    audio = None
    if rendered.audio is not None:
        audio = compress(rendered.audio, _PAGE_COMPRESSION, mono=True, title=title)
        remove_file(rendered.audio)

    def address(path: Path | None, kind: str) -> str | None:
        if path is None:
            return None
        if not embedded:
            return f"{FOLDER}/{path.name}"
        return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"

    return Player(
        name=file_stem(song),
        audio=address(audio, "audio/mpeg"),
        score=address(rendered.score, "image/svg+xml"),
        score_size=_size(rendered.score),
        midi=None if embedded else address(rendered.midi, "audio/midi"),
        roll=_roll(song, rendered),
        seconds=rendered.duration_seconds,
        problems=rendered.problems,
    )


def _size(score: Path | None) -> tuple[int, int] | None:
    found = None if score is None else _VIEW_BOX.search(score.read_text(encoding="utf-8"))
    return (round(float(found[1])), round(float(found[2]))) if found else None


def _roll(song: Song, rendered: RenderedTune) -> DrawnRoll | None:
    if rendered.midi is None or not rendered.duration_seconds:
        return None
    return draw_roll(rendered.midi.read_bytes(), parse_tune(song.abc), rendered.duration_seconds)
