"""Renders one sampled tune to files: text, MIDI, audio, score and piano roll, each written atomically."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from musicgen.notation.parsing import parse_tune
from musicgen.rendering.audio import encode_audio, synthesise
from musicgen.rendering.config import RenderingConfig
from musicgen.rendering.midi import perform
from musicgen.rendering.piano_roll import draw_piano_roll
from musicgen.rendering.score import Engraver
from musicgen.system.files import replace_atomically, write_text_atomically


@dataclass(frozen=True, slots=True)
class RenderedTune:
    """Paths of a tune's files; None if not requested or not possible."""

    abc: Path
    midi: Path | None
    audio: Path | None
    score: Path | None
    piano_roll: Path | None
    duration_seconds: float | None
    """Duration of the MIDI up to the end of the last note; None if no note sounds."""
    problems: tuple[str, ...]
    """Why something is missing or differs from the text, one line each."""


def render_tune(
    abc: str, stem: Path, config: RenderingConfig, engraver: Engraver | None = None, title: str = ""
) -> RenderedTune:
    """Write `stem`.abc, .mid, .wav (or .flac, .ogg), .svg and .png; creates missing folders.

    Accepts any text: the .abc is always written, and `problems` says what could not be rendered. Raises
    InputError if the soundfont is invalid or abc2midi is missing, and OSError if files cannot be written.
    Equal arguments give equal bytes. Sharing an engraver between tunes is faster. title: what the MIDI calls
    the tune; its T: by default.
    """
    if engraver is None:
        with Engraver(config.timeout_seconds) as engraver:
            return render_tune(abc, stem, config, engraver, title)
    stem.parent.mkdir(parents=True, exist_ok=True)
    abc = abc.encode("utf-8", errors="replace").decode("utf-8")
    text = _path(stem, "abc")
    write_text_atomically(text, abc)
    tune, performance = parse_tune(abc), perform(abc, config, title)
    midi, problems = performance.midi, list(performance.problems)
    midi_path = audio = score = piano_roll = None
    if midi is not None:
        midi_path = _write(_path(stem, "mid"), lambda path: path.write_bytes(midi))
    if midi is not None and config.audio_format != "none":
        sound = synthesise(midi, performance.is_cut, config)
        if sound is None:
            problems.append(f"the soundfont has no sound for these notes with instrument {config.instrument}")
        else:
            path = _path(stem, config.audio_format)
            audio = _write(path, lambda path: path.write_bytes(encode_audio(sound, config)))
    if config.score:
        engraved = engraver.engrave(tune)
        problems += [f"score: {problem}" for problem in engraved.problems]
        if engraved.svg is not None:
            score = _path(stem, "svg")
            write_text_atomically(score, engraved.svg)
    if midi is not None and config.piano_roll:
        piano_roll = _write(_path(stem, "png"), lambda path: draw_piano_roll(midi, tune, path))
    seconds, distinct = performance.duration_seconds, tuple(dict.fromkeys(problems))
    return RenderedTune(text, midi_path, audio, score, piano_roll, seconds, distinct)


def _path(stem: Path, suffix: str) -> Path:
    """The stem with a suffix appended; unlike with_suffix, keeps dots in its name."""
    return stem.with_name(f"{stem.name}.{suffix}")


def _write(path: Path, write: Callable[[Path], object]) -> Path:
    with replace_atomically(path) as temporary:
        write(temporary)
    return path
